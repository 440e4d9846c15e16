"""nginx twice: the yardstick (`auth_request` and `proxy_pass`, one worker that also serves the upstream's 20 KB file),
and the holder's own server of prepared answers, which takes as little of the shared cores here as it does there.
"""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Mapping
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

_AROUND = """
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
{servers}
}}
"""

_YARDSTICK = """
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
"""

# What is not prepared is a 404, which is no answer of the gateway either: the row stops the run.
_HOLDER = """
  map_hash_bucket_size 1024;
  map $request_uri $answer {{
    default none;
{answers}
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {folder}/files; try_files /$answer =404; }}
  }}
"""


def command(folder: Path, port: int, upstream: int, body: bytes) -> list[str]:
    """Write the yardstick's configuration below `folder`; return the command that runs it in the foreground."""
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "searchset.json").write_bytes(body)
    return _command(folder, _YARDSTICK.format(folder=folder, port=port, upstream=upstream))


def serving(folder: Path, port: int, answers: Mapping[str, str]) -> list[str]:
    """Return the command that answers these targets (path and query) with these bodies, and nothing else."""
    (folder / "files").mkdir(parents=True)
    lines = []
    for number, (target, answer) in enumerate(answers.items()):
        (folder / "files" / f"{number}.json").write_text(answer, "utf-8")
        lines.append(f'    "{target}" {number}.json;')
    return _command(folder, _HOLDER.format(folder=folder, port=port, answers="\n".join(lines)))


def _command(folder: Path, servers: str) -> list[str]:
    assert NGINX is not None
    config = folder / "nginx.conf"
    # Only root may name the worker's user; another one's own processes read the files anyway.
    user = "user root;\n" if getpass.getuser() == "root" else ""
    config.write_text(_AROUND.format(user=user, folder=folder, servers=servers), "utf-8")
    return [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(config)]
