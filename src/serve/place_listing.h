// What a glob means or a directory holds at this moment, and what of it could not be looked at: a folder that
// can't be read is no empty one.
#pragma once

#include <string>
#include <vector>

namespace litewright {

struct PlaceListing {
  std::vector<std::string> files = {};  // regular files, ascending, as the place names them
  struct Unread {
    std::string path = {};
    int error_number = 0;
    bool by_wildcard = false;  // a folder that a glob means by a wildcard: it may be none of ours
  };
  std::vector<Unread> unread = {};  // folders, and files in them; at most kMostUnread
  bool is_missing = false;          // a directory that is not there; a glob that nothing matches
};

constexpr std::size_t kMostUnread = 100;

PlaceListing list_glob(const std::string& pattern);
PlaceListing list_directory(const std::string& directory);  // what is named as a database in it

// All that a pattern means, files or not, ascending.
std::vector<std::string> paths_of_glob(const std::string& pattern);

// By stat(2). Neither there nor an error: there is no such file.
struct FilePresence {
  bool is_there = false;  // a regular file
  int error_number = 0;   // why it can't be looked at
};
FilePresence presence_of(const std::string& file);

}  // namespace litewright
