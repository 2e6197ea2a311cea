// lock_holder.py's "open" and "sql" with better-sqlite3: node lock_holder.js NODE_MODULES
const Database = require(process.argv[2] + '/better-sqlite3');
const connections = [];
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  const at = line.indexOf(' ');
  const [verb, rest] = [line.slice(0, at), line.slice(at + 1)];
  try {
    if (verb === 'open') {
      connections.push(new Database(rest, {timeout: 60000}));
      connections.at(-1).exec('SELECT count(*) FROM sqlite_schema');
    } else {
      connections.at(-1).exec(rest);
    }
    console.log('ok');
  } catch (error) {
    console.log(String(error));
  }
});
