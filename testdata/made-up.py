#!/usr/bin/env python3
"""Make credentials that nobody ever issued, from templates, the same in every run.

usage: made-up.py SEED NAME=TEMPLATE...      prints one JSON object {NAME: credential}

Templates are those of the rules (signatures/README.md), of which this knows {alphabet:n}, {github-crc32} (also the
checksum of npm's tokens) and {openssh}, a private key with the structure of one and numbers that are no key.
"""
import base64
import hashlib
import json
import re
import struct
import sys
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ALPHABETS = {
    "base62": BASE62,
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "base64": BASE62 + "+/",
    "hex": "0123456789abcdef",
    "digits": "0123456789",
}


def noise(seed):
    """Endless bytes: SHA-256 of the seed and a counter."""
    counter = 0
    while True:
        yield from hashlib.sha256(f"{seed}/{counter}".encode()).digest()
        counter += 1


def crc_tail(token):
    """The CRC-32 of what follows the prefix, as six digits of base 62."""
    number, digits = zlib.crc32(token.rpartition("_")[2].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits


def openssh_key(source):
    """OpenSSH PROTOCOL.key: an unencrypted Ed25519 key."""
    take = lambda count: bytes(next(source) for _ in range(count))
    string = lambda value: struct.pack(">I", len(value)) + value
    public, private, check = take(32), take(32), take(4)
    secret = check + check + string(b"ssh-ed25519") + string(public) + string(private + public) + string(b"made-up")
    secret += bytes(range(1, 1 + -len(secret) % 8))
    blob = b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"") + struct.pack(">I", 1)
    blob += string(string(b"ssh-ed25519") + string(public)) + string(secret)
    text = base64.b64encode(blob).decode()
    lines = "\n".join(text[at:at + 70] for at in range(0, len(text), 70))
    kind = "OPENSSH PRIVATE KEY"
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


def expand(template, seed):
    source, out = noise(seed), ""
    for piece in re.split(r"(\{[^}]*\})", template):
        if piece == "{github-crc32}":
            out += crc_tail(out)
        elif piece == "{openssh}":
            out += openssh_key(source)
        elif piece.startswith("{"):
            alphabet, count = piece[1:-1].split(":")
            letters = ALPHABETS[alphabet]
            out += "".join(letters[next(source) % len(letters)] for _ in range(int(count)))
        else:
            out += piece
    return out


def main():
    if len(sys.argv) < 3 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    seed, pairs = sys.argv[1], [argument.split("=", 1) for argument in sys.argv[2:]]
    print(json.dumps({name: expand(template, f"{seed}/{name}") for name, template in pairs}, indent=2))


main()
