"""An nginx that answers all with the same few bytes: for benchmarks of our client, beside which it costs little."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """
daemon off; pid {folder}/pid; error_log stderr warn; {user}
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }}
}}
"""


def find_nginx() -> str | None:
    """Its path, or None."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def bare_nginx() -> Iterator[int]:
    """The port of an nginx of our own; raises FileNotFoundError where none is installed."""
    if (nginx := find_nginx()) is None:
        raise FileNotFoundError("nginx")
    with tempfile.TemporaryDirectory(prefix="perflab-bench-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        config = Path(folder, "nginx.conf")
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        config.write_text(CONFIG.format(folder=folder, port=port, user=user))
        with subprocess.Popen([nginx, "-p", folder, "-e", "stderr", "-c", str(config)]) as running:
            try:
                _wait_for(port)
                yield port
            finally:
                running.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.05)
    raise OSError("nginx does not listen")
