"""A model server on this machine that does what a test tells it to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(body: dict) -> dict:
    return {
        "choices": [{"text": f"answer to {body['prompt']}", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
    }


class Server:
    """A model server that follows a script: the n-th request gets the n-th (status, body, headers), then good ones."""

    def __init__(self, script=()):
        self.script, self.seen, self.busy, self.most_busy = list(script), [], 0, 0
        self.lock, self.closing = threading.Lock(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.seen.append((self.path, body, dict(self.headers)))
                    step = outer.script.pop(0) if outer.script else (200, None, {})
                    outer.busy += 1
                    outer.most_busy = max(outer.most_busy, outer.busy)
                try:
                    self.answer(*step, body)
                finally:
                    with outer.lock:
                        outer.busy -= 1

            def answer(self, status, text, headers, body):
                if status == "sleep":
                    outer.closing.wait()
                if status in ("hang up", "sleep"):
                    self.connection.close()
                    return
                data = (json.dumps(completion(body)) if text is None else text).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()
