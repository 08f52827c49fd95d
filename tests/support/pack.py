"""Packs texts with the writers that people use. Reads lines of JSON: {"file": …, "text": …, "chain": [form, …]}, the innermost
form first, and writes what comes out to the file. What Python has is written by Python, the rest by the real tools."""

import base64
import bz2
import gzip
import importlib.util
import io
import json
import lzma
import marshal
import os
import quopri
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import zipfile
import zlib

NAME = "inner.txt"


def tool(content, make):
    """Runs a tool in a folder that holds the content as NAME; `make` gives the command and the file that it writes."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, NAME), "wb") as out:
            out.write(content)
        command, result = make
        subprocess.run(command, cwd=folder, check=True, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(folder, result), "rb") as packed:
            return packed.read()


def zipped(method):
    def pack(content):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr(NAME, content)
        return out.getvalue()

    return pack


def tarred(content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(NAME)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def table(content):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "app.db")
        database = sqlite3.connect(path)
        database.execute("create table settings (id integer primary key, content blob)")
        database.execute("insert into settings (content) values (?)", (content,))
        database.commit()
        database.close()
        with open(path, "rb") as packed:
            return packed.read()


def compiled(content):
    """A compiled file of Python, of the version that runs this."""
    code = compile(f"TEXT = {content.decode()!r}", "inner.py", "exec")
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def bundle(content):
    command = f"git init -q && git add {NAME} && git -c user.name=a -c user.email=a@b commit -qm a && git bundle create out --all"
    return tool(content, (command, "out"))


def assigned(content):
    """An encoded text stands in a file with other lines."""
    return b"# settings\nvalue: " + content + b"\nlast: 1\n"


FORMS = {
    "zip": zipped(zipfile.ZIP_DEFLATED),
    "zip-stored": zipped(zipfile.ZIP_STORED),
    "tar": tarred,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda content: tool(content, (f"zstd -q {NAME} -o out", "out")),
    "lz4": lambda content: tool(content, (f"lz4 -q {NAME} out", "out")),
    "ar": lambda content: tool(content, (f"ar qc out.a {NAME}", "out.a")),
    "cpio": lambda content: tool(content, (f"echo {NAME} | cpio -o -H newc > out", "out")),
    "7z": lambda content: tool(content, (f"7z a out.7z {NAME}", "out.7z")),
    "cab": lambda content: tool(content, (f"gcab -cz out.cab {NAME}", "out.cab")),
    "squashfs": lambda content: tool(content, (f"mksquashfs {NAME} out", "out")),
    "lzip": lambda content: tool(content, (f"lzip -c {NAME} > out", "out")),
    "sqlite": table,
    "pyc": compiled,
    "git-bundle": bundle,
    "git-object": lambda content: zlib.compress(b"blob %d\0" % len(content) + content),
    "base64": lambda content: assigned(base64.b64encode(content)),
    "base64-url": lambda content: assigned(base64.urlsafe_b64encode(content).rstrip(b"=")),
    "base64-lines": lambda content: base64.encodebytes(content),
    "hex": lambda content: assigned(content.hex().encode()),
    "url": lambda content: assigned(urllib.parse.quote(content, safe="").encode()),
    "json": lambda content: b'{"outer": ' + json.dumps(content.decode()).encode() + b"}\n",
    "quoted-printable": lambda content: quopri.encodestring(content),
    "utf-16le": lambda content: content.decode().encode("utf-16-le"),
    "utf-16be": lambda content: content.decode().encode("utf-16-be"),
    "utf-32le": lambda content: content.decode().encode("utf-32-le"),
}


def main():
    for line in sys.stdin:
        item = json.loads(line)
        content = item["text"].encode()
        for form in item["chain"]:
            content = FORMS[form](content)
        with open(item["file"], "wb") as out:
            out.write(content)


main()
