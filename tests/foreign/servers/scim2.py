"""A SCIM server on loopback: `scim2-server` as it comes, on a free port.

Arguments: those of its command. Prints one line when it is ready: `listening`, then JSON with the address.
"""

import json
import sys

from scim2_server.testserver import cli

make_server = cli.make_server


def announced(*args, **kwargs):
    server = make_server(*args, **kwargs)
    print("listening", json.dumps({"origin": f"http://127.0.0.1:{server.server_port}/v2"}), flush=True)
    return server


cli.make_server = announced
sys.argv += ["--port", "0"]
cli.main()
