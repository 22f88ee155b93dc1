"""Whether a server could listen where it is told to, asked before anything else is started."""

import socket


def port_fault(host: str, port: int) -> str:
    """Why nobody can listen there, as the end of a sentence; empty when one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return f"port {port} is reserved for root; choose a higher one"
        except OSError:
            return f"port {port} is in use by another program; stop it, or choose another"
    return ""
