"""Asks the platform on this machine as its administrator: `ask.py METHOD PATH [JSON]`. Prints the answer."""

import os
import sys
import urllib.request

method, path, *body = sys.argv[1:]
request = urllib.request.Request(
    f"http://127.0.0.1:{os.environ['KANGYUN_PORT']}{path}",
    data=body[0].encode() if body else None,
    method=method,
    headers={
        "authorization": f"Bearer {os.environ['KANGYUN_ADMIN_TOKEN']}",
        "content-type": "application/fhir+json",
    },
)
with urllib.request.urlopen(request, timeout=20) as answer:
    sys.stdout.write(answer.read().decode())
