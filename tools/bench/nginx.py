"""The yardstick: nginx with `auth_request` and `proxy_pass`, one worker that also serves the upstream's 20 KB file."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

_CONFIG = """
{user}worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  default_type application/fhir+json;
  upstream files {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{upstream};
    location = /introspect {{ default_type application/json; return 200 '{{"active":true}}'; }}
    location / {{ root {folder}/files; try_files /searchset.json =404; }}
  }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location = /auth {{
      internal; proxy_pass http://files/introspect; proxy_pass_request_body off; proxy_set_header Content-Length "";
    }}
    location / {{ auth_request /auth; proxy_pass http://files; }}
  }}
}}
"""


def command(folder: Path, port: int, upstream: int, body: bytes) -> list[str]:
    """Write the configuration below `folder` and return the command that runs it in the foreground."""
    assert NGINX is not None
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "searchset.json").write_bytes(body)
    config = folder / "nginx.conf"
    # Only root may name the worker's user; another one's own processes read the files anyway.
    user = "user root;\n" if getpass.getuser() == "root" else ""
    config.write_text(_CONFIG.format(user=user, folder=folder, port=port, upstream=upstream), "utf-8")
    return [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(config)]
