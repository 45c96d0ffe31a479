"""A proxy as many have been: it takes Content-Length for a body's length, and yet hands Transfer-Encoding on."""

import re
import socket
import threading

PATIENCE_S = 0.5
_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d+)\r\n")


def start(upstream):
    """Serve on a port of its own until the process ends; returns its address. All clients share one connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener, upstream), daemon=True).start()
    return listener.getsockname()


def _serve(listener, upstream):
    server = _Buffered(socket.create_connection(upstream, PATIENCE_S))
    while True:
        accepted, (address, _) = listener.accept()
        accepted.settimeout(PATIENCE_S)
        try:
            client = _Buffered(accepted)
            while _handed_on(client, server, address):
                pass
        except OSError:  # the service says no more, or not yet
            server.socket.close()
            server = _Buffered(socket.create_connection(upstream, PATIENCE_S))
        accepted.close()


def _handed_on(client, server, address):
    """Hand one request on and its answer back; says whether there was one."""
    head = client.head()
    if not head:
        return False
    body = client.read(_length(head))
    if re.search(rb"(?im)^transfer-encoding", head):  # as RFC 9112 demands, if not in the reading
        head = _LENGTH.sub(b"", head)
    head = re.sub(rb"(?im)^(connection|x-forwarded-for):.*\r\n", b"", head)
    server.socket.sendall(head[:-2] + b"X-Forwarded-For: %b\r\n\r\n" % address.encode() + body)
    answer = server.head()
    if not answer:
        raise ConnectionResetError
    client.socket.sendall(answer + server.read(_length(answer)))
    return True


def _length(head):
    match = _LENGTH.search(head)
    return int(match[1]) if match else 0


class _Buffered:
    def __init__(self, connected):
        self.socket = connected
        self._rest = b""

    def head(self):
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return b""
        return self.read(self._rest.index(b"\r\n\r\n") + 4)

    def read(self, length):
        while len(self._rest) < length and self._more():
            pass
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def _more(self):
        piece = self.socket.recv(65536)
        self._rest += piece
        return bool(piece)
