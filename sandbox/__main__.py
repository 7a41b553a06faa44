"""`python -m sandbox`: run the stand-in for Stripe until it is told to stop."""

import argparse
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from sandbox.actions import expire_due
from sandbox.faults import Faults
from sandbox.past import take_over
from sandbox.recording import Recorder
from sandbox.server import Server
from sandbox.store import Store, StoreError
from sandbox.webhooks import Deliverer


def main() -> None:
    options = arguments().parse_args()
    try:
        store = Store(options.data_dir)
        if options.past:
            take_over(store, options.past)
        faults = Faults()
        address = (options.host, options.port)
        record = Recorder(options.record) if options.record else None
        server = Server(address, store=store, faults=faults, public_url=options.public_url, record=record)
    except (StoreError, OSError, ValueError, KeyError) as error:
        sys.exit(f"sandbox: {error}")
    Deliverer(store, faults, url=options.webhook_url, secret=options.webhook_secret).start()
    threading.Thread(target=watch_expiry, args=(store,), name="expiry", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    print(f"sandbox: test payments on {server.address}, webhooks to {options.webhook_url}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for Stripe; no money moves.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data-dir", type=Path, required=True, help="where its journal is kept")
    parser.add_argument("--webhook-url", required=True, help="where the shop takes Stripe's events")
    parser.add_argument("--webhook-secret", required=True, help="whsec_..., the shop's own")
    parser.add_argument("--past", type=Path, help="payments from before it was there: sandbox/past.py")
    parser.add_argument("--record", type=Path, help="a file to which every API call is appended")
    parser.add_argument("--public-url", help="how a browser reaches it, when not by host and port")
    return parser


def watch_expiry(store: Store) -> None:
    while True:
        try:
            expire_due(store, now=time.time())
        except OSError as error:  # a full disk must not end expiry for the life of the process
            print(f"sandbox: expiry: {error}", file=sys.stderr, flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main()
