"""`redis-cli` as far as ops/*.sh use it: the wheels bring a server but no client that runs everywhere.

`--rdb FILE` does what the original does: it asks for a replica's initial snapshot with SYNC.
"""

import argparse
import socket
import sys
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError


def snapshot(url: str, file: str) -> None:
    """Write the server's snapshot to `file`."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=30) as connection:
        stream = connection.makefile("rb")
        if parts.password:
            connection.sendall(b"AUTH " + parts.password.encode() + b"\r\n")
            stream.readline()
        connection.sendall(b"SYNC\r\n")
        line = stream.readline()
        while line == b"\n":  # sent while the server prepares
            line = stream.readline()
        if not line.startswith(b"$"):
            sys.exit(line.decode())
        with open(file, "wb") as out:
            if line.startswith(b"$EOF:"):
                mark, tail = line[5:].strip(), b""
                while not tail.endswith(mark):
                    tail += stream.read1(65536)
                out.write(tail[: -len(mark)])
            else:
                out.write(stream.read(int(line[1:])))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-u")
    parser.add_argument("-s")
    parser.add_argument("--no-auth-warning", action="store_true")
    parser.add_argument("--rdb")
    parser.add_argument("command", nargs="*")
    given = parser.parse_args()
    if given.rdb:
        snapshot(given.u, given.rdb)
        return
    client = Redis.from_url(given.u) if given.u else Redis(unix_socket_path=given.s)
    try:
        answer = {"ping": client.ping, "dbsize": client.dbsize}[given.command[0]]()
    except RedisConnectionError as error:
        sys.exit(str(error))
    sys.stdout.write("PONG\n" if answer is True else f"{answer}\n")


main()
