"""An HTTP receiver of JSON messages, on a port of its own on the loopback."""
import http.server
import json
import threading


def serve_webhook(take):
    """Its URL, without a slash at the end. Each POST's status is what take(path, message) returns; it comes on a thread."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(take(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
