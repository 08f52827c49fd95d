"""Makes images that are meant to be slow. `hostile.py` alone lists their kinds; `hostile.py KIND BYTES FILE` writes a
docker-archive of that kind, with about so many bytes in its layer, the same bytes in every run; `hostile.py all BYTES FOLDER`
writes one of each.

A kind is a function from a number of bytes to tar entries. It is named after what it repeats, and what it aims at is in its
docstring. `ordinary` and `quiet` are what the others are compared with."""

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import marshal
import os
import random
import re
import sqlite3
import struct
import sys
import tarfile
import tempfile
import tomllib
import zipfile
import zlib

KINDS = {}
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def kind(function):
    KINDS[function.__name__.replace("_", "-")] = function
    return function


# Ways to make content.


def fill(piece, size):
    """The piece, over and over."""
    return (piece * (size // len(piece) + 1))[:size]


def fill_from(make, size):
    """Pieces that `make` makes of their number."""
    out, number = bytearray(), 0
    while len(out) < size:
        out += make(number)
        number += 1
    return bytes(out[:size])


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def chosen(alphabet, size, seed=1):
    """Bytes of the alphabet (at most 256 of them), drawn at random."""
    table = bytes(alphabet[byte * len(alphabet) // 256] for byte in range(256))
    return noise(size, seed).translate(table)


# Ways to make entries.


def file(path, content):
    info = tarfile.TarInfo(path)
    info.size = len(content)
    return info, content


def link(path, target, form):
    info = tarfile.TarInfo(path)
    info.type, info.linkname = form, target
    return info, b""


def one(content, path="srv/app/data"):
    return [file(path, content)]


def many(make, size):
    """Files that `make` gives a path and content of their number, until their blocks have `size` bytes."""
    used, number = 0, 0
    while used < size:
        path, content = make(number)
        yield file(path, content)
        used += 512 + (len(content) + 511) // 512 * 512
        number += 1


def repeats(name, about, piece, path="srv/app/data"):
    """A kind that is one file with nothing but the piece."""
    function = lambda size: one(fill(piece, size), path)
    function.__doc__ = about
    KINDS[name] = function


# What the others are compared with.


@kind
def quiet(size):
    """Nothing that anything looks at: what reading and hashing cost."""
    return one(fill(b"\x80" * 1023 + b"\n", size))


@kind
def ordinary(size):
    """The sources of this program, its rules and documents, as they are in an image: files of some kilobytes, and of the
    standard library of the Python that runs this, compiled and not."""
    files = []
    for folder in ["src", "signatures", "docs", os.path.dirname(os.__file__)]:
        for path, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders[:] = sorted(name for name in folders if name not in ("site-packages", "test"))
            files += [os.path.join(path, name) for name in sorted(names)]
    random.Random(1).shuffle(files)
    used = 0
    while used < size:
        for path in files:
            if os.path.getsize(path) > 0 and used < size:
                with open(path, "rb") as content:
                    entry = file(f"srv/{used}/{os.path.basename(path)}", content.read(1 << 20))
                used += 512 + len(entry[1])
                yield entry


# One file that repeats something short.

for name, about, piece in [
    ("one-line", "a single line of one letter", b"a"),
    ("zeros", "zeros", b"\0"),
    ("newlines", "empty lines", b"\n"),
    ("returns", "carriage returns without line feeds", b"\r"),
    ("spaces", "a single line of blanks", b" "),
    ("indented", "deeper and deeper lines of YAML, again and again", b"".join(b" " * n + b"a:\n" for n in range(200))),
    ("password", "names without values, in one line", b"password="),
    ("password-lines", "names without values", b"password=\n"),
    ("password-colon", "names of YAML", b"password:"),
    ("password-colon-lines", "names of YAML in lines", b"password:\n"),
    ("password-block", "block scalars that are empty", b"password: |\n"),
    ("password-letter", "values that are too short", b"password=x\n"),
    ("password-open", "values without end", b'password="'),
    ("password-tick", "values without end", b"password='"),
    ("password-escaped", "values behind escaped quotes", b'password=\\"'),
    ("password-call", "values of calls", b"password=a(b)\n"),
    ("password-member", "values that are members of something", b"password=a.b.c.d.e.f.g\n"),
    ("password-template", "values of templates", b"password=${PASSWORD}\n"),
    ("password-nested", "templates without end", b"password=${a:-"),
    ("password-json", "fields of JSON", b'"password":"",'),
    ("password-value", "values that stand for nothing", b"password=changeme\n"),
    ("password-row", "one value that is a row of names", b"password=password,"),
    ("password-words", "nothing but the word", b"password "),
    ("password-joined", "one long name", b"password_"),
    ("token-secret-key", "many words in one name", b"token_secret_key_auth="),
    ("token-value", "a value for each name", b"token=abcdefgh12345678 "),
    ("xml-tokens", "elements that are called tokens", b"<token>"),
    ("xml-attributes", "attributes without end", b"<token a="),
    ("xml-comments", "comments without end", b"<!--"),
    ("less", "tags without names", b"<"),
    ("closing", "ends of nothing", b"</a>"),
    ("cdata", "sections without end", b"<![CDATA["),
    ("quotes", "quotes", b'"'),
    ("ticks", "quotes", b"'"),
    ("backticks", "quotes", b"`"),
    ("mixed-quotes", "quotes in quotes", b"\"'`"),
    ("triple-quotes", "strings of Python without content", b'"""'),
    ("backslashes", "backslashes", b"\\"),
    ("backslash-quotes", "escaped quotes", b'\\"'),
    ("backslash-n", "escaped ends of lines", b"\\n"),
    ("backslash-u", "escaped letters", b"\\u0041"),
    ("backslash-x", "escaped bytes", b"\\x41"),
    ("backslash-octal", "escaped bytes", b"\\101"),
    ("continued", "lines that go on behind a backslash", b"a\\\n"),
    ("percent", "percent signs that are encoded again and again", b"%25"),
    ("percent-letters", "encoded letters", b"%41%42"),
    ("percent-signs", "percent signs", b"%"),
    ("percent-token", "an encoded assignment", b"%26token%3D"),
    ("entities", "entities of XML", b"&amp;"),
    ("entity-numbers", "entities of XML", b"&#65;"),
    ("ampersands", "ampersands", b"&"),
    ("quoted-printable", "quoted-printable letters", b"=41=42"),
    ("soft-breaks", "quoted-printable lines", b"a=\n"),
    ("strings-added", "a token in one-letter strings", b'"a"+"b"+'),
    ("strings-dotted", "a token in one-letter strings of PHP", b"'a' . 'b' . "),
    ("strings-beside", "a token in one-letter strings of C", b'"a" "b" '),
    ("strings-listed", "a list of one-letter strings", b'"a", "b", '),
    ("strings-prefix", "strings that begin like tokens, added", b'"ghp_" + '),
    ("strings-token", "strings that name a token, added", b'"token=" + '),
    ("strings-quotes", "quotation marks that each may open a string and close one", b'"+'),
    ("strings-comments", "strings that are added over comments with quotes", b"\"a\"/*'*/+"),
    ("strings-lines", "strings that are added over lines", b'"abcd" +\n  '),
    ("braces", "braces without end", b"{"),
    ("brackets", "brackets without end", b"["),
    ("parentheses", "parentheses without end", b"("),
    ("json-nested", "objects without end", b'{"a":'),
    ("dollar-braces", "templates without end", b"${"),
    ("dollar-parentheses", "commands without end", b"$("),
    ("mustaches", "templates without end", b"{{"),
    ("equals", "equals signs", b"="),
    ("colons", "colons", b":"),
    ("equals-colons", "signs of assignments", b"=:"),
    ("arrows", "signs of assignments", b"=>"),
    ("assignments", "short assignments", b"a=b\n"),
    ("assignments-row", "short assignments in one line", b"a=b "),
    ("commas", "commas", b","),
    ("semicolons", "semicolons", b";"),
    ("dashes", "dashes", b"-"),
    ("options", "options without values", b"--password "),
    ("dots", "dots", b"."),
    ("slashes", "slashes", b"/"),
    ("hashes", "marks of comments", b"#"),
    ("ats", "at signs", b"@"),
    ("pipes", "pipes", b"|"),
    ("tabs", "tabs", b"\t"),
    ("csv", "a table with a column of that name", b"password,user\n"),
    ("urls", "addresses without hosts", b"http://a:b@"),
    ("urls-open", "addresses without end", b"https://a:"),
    ("url-schemes", "schemes", b"postgres://"),
    ("queries", "parameters of queries", b"?token=a&"),
    ("authorization", "headers without values", b"Authorization: Basic "),
    ("bearer", "headers without values", b"Authorization: Bearer "),
    ("pem", "private keys without end", b"-----BEGIN PRIVATE KEY-----\n"),
    ("pem-row", "private keys without end in one line", b"-----BEGIN PRIVATE KEY-----"),
    ("pem-begun", "headers without end", b"-----BEGIN "),
    ("pem-body", "private keys that are only begun", b"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n"),
    ("pem-pgp", "private keys without end", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
    ("pem-ssh", "private keys without end", b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n"),
    ("pem-certificates", "certificates without end", b"-----BEGIN CERTIFICATE-----\n"),
    ("pem-short", "keys with nothing in them", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
    ("putty", "keys of PuTTY without end", b"PuTTY-User-Key-File-3: ssh-rsa\n"),
    ("jwt", "tokens that are only begun", b"eyJ"),
    ("jwt-dots", "tokens that are only begun", b"eyJ."),
    ("jwt-heads", "tokens that end behind their head", b"eyJhbGciOiJIUzI1NiJ9."),
    ("jwt-whole", "tokens that say nothing", b"eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA "),
    ("prefix-github", "a prefix of tokens", b"ghp_"),
    ("prefix-aws", "a prefix of tokens", b"AKIA"),
    ("prefix-openai", "a prefix of tokens", b"sk-"),
    ("service-account", "fields of a file that they do not make", b'"type": "service_account",'),
    ("marks", "marks that have findings ignored", b"layersift:ignore "),
    ("mark-lines", "marks in lines", b"# layersift:ignore\n"),
    ("uuids", "one UUID", b"123e4567-e89b-12d3-a456-426614174000\n"),
    ("base64-gzip", "how gzip begins, in base64", b"H4sIAAAAAAAA"),
    ("base64-gzip-lines", "how gzip begins, in base64, in lines", b"H4sIAAAAAAAAA\n"),
    ("base64-zip", "how zip begins, in base64", b"UEsDBBQAAAAI"),
    ("base64-elf", "how an executable begins, in base64", b"f0VMRgIBAQAA"),
    ("base64-zeros", "zeros in base64", b"A"),
    ("base64-short", "short base64", b"cGFzc3dvcmQ9 "),
    ("base64-padded", "padded base64, without blanks", b"YQ=="),
    ("hex-gzip", "how gzip begins, in digits", b"1f8b0800"),
    ("hex-zip", "how zip begins, in digits", b"504b0304"),
    ("hex-escaped", "bytes that C escapes", b"\\x1f\\x8b\\x08"),
    ("hex-listed", "bytes in a list", b"0x1f,0x8b,"),
    ("decimal-listed", "bytes in a list", b"31,139,8,"),
    ("wide-token", "assignments in UTF-16", "token=".encode("utf-16-le")),
    ("wide-letters", "a line in UTF-16", "a".encode("utf-16-le")),
    ("wide-big", "assignments in UTF-16, the other way", "token=".encode("utf-16-be")),
    ("wide-32", "assignments in UTF-32", "token=".encode("utf-32-le")),
    ("wide-short", "short words in UTF-16", "token".encode("utf-16-le") + b"\xff\xff"),
]:
    repeats(name, about, piece)


# One file whose bytes differ.


@kind
def random_bytes(size):
    """No pattern at all."""
    return one(noise(size))


@kind
def random_text(size):
    """Printable characters in lines."""
    return one(chosen(bytes(range(32, 127)) + b"\n", size))


@kind
def random_signs(size):
    """Nothing but what languages are made of."""
    return one(chosen(b"\"'`\\=:;,.+-*/<>()[]{}$%&|@#!?\n ", size))


@kind
def token_run(size):
    """A single word of letters and digits."""
    return one(chosen(LETTERS, size))


@kind
def token_run_signs(size):
    """A single word of what tokens are made of."""
    return one(chosen(LETTERS + b"-_.", size))


@kind
def token_words(size):
    """Words of forty letters and digits."""
    return one(fill_from(lambda n: chosen(LETTERS, 40, n) + b"\n", size))


@kind
def assigned_words(size):
    """A name that says secret before each of such words, so that each is a finding."""
    return one(fill_from(lambda n: b"api_token=" + chosen(LETTERS, 32, n) + b"\n", size))


@kind
def assigned_marked(size):
    """The same, each marked to be ignored."""
    return one(fill_from(lambda n: b"api_token=" + chosen(LETTERS, 32, n) + b" # layersift:ignore\n", size))


@kind
def addresses(size):
    """An address with a password on each line."""
    return one(fill_from(lambda n: b"https://user:" + chosen(LETTERS, 12, n) + b"@host.internal/\n", size))


@kind
def wide_noise(size):
    """UTF-16 without meaning."""
    return one(b"".join(bytes([low, high]) for low, high in zip(noise(size // 2), chosen(b"\0\0\0\x01\x04", size // 2, 2))))


@kind
def wide_switching(size):
    """Runs of UTF-16 that end soon, in turns with plain text."""
    return one(fill_from(lambda n: "password".encode("utf-16-le") + b"password=" + bytes([n % 256]), size))


@kind
def base64_lines(size):
    """Noise in base64, in lines."""
    return one(base64.encodebytes(noise(size * 3 // 4)))


@kind
def base64_row(size):
    """Noise in base64, in one line."""
    return one(base64.b64encode(noise(size * 3 // 4)))


@kind
def base64_text(size):
    """Text in base64."""
    return one(base64.b64encode(fill(b"the user has a password= and a token: ", size * 3 // 4)))


@kind
def base64_deep(size):
    """Text in base64, ten times over."""
    text = fill(b"token=abc\n", size // 20)
    for _ in range(10):
        text = base64.b64encode(text)
    return one(text)


@kind
def base64_words(size):
    """Texts of 24 letters in base64, each on its own line."""
    return one(fill_from(lambda n: base64.b64encode(b"password: word" + str(n).encode()) + b"\n", size))


@kind
def base64_files(size):
    """Tiny gzip files in base64, each on its own line."""
    return one(fill_from(lambda n: base64.b64encode(gzip.compress(str(n).encode(), mtime=0)) + b"\n", size))


@kind
def base64_damaged(size):
    """Gzip files in base64 which are damaged soon."""
    return one(fill_from(lambda n: base64.b64encode(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + noise(35, n)) + b"\n", size))


@kind
def base64_large(size):
    """Zeros in gzip in base64, so that little becomes much."""
    return one(fill(base64.b64encode(gzip.compress(bytes(20000), mtime=0)) + b"\n", size))


@kind
def hex_row(size):
    """Noise in digits, in one line."""
    return one(noise(size // 2).hex().encode())


@kind
def hex_text(size):
    """Text in digits, in one line."""
    return one(fill(b"the user has a password= and a token: ", size // 2).hex().encode())


@kind
def hex_lines(size):
    """Digests in lines."""
    return one(fill_from(lambda n: hashlib.sha1(str(n).encode()).hexdigest().encode() + b"\n", size))


@kind
def escapes_mixed(size):
    """Escapes of all kinds, in turns."""
    return one(chosen_pieces([b"%41", b"\\u0041", b"\\x41", b"&#65;", b"=41", b"\\n", b"\\\\", b"+", b"/"], size))


def chosen_pieces(pieces, size, seed=1):
    pick = random.Random(seed)
    return fill_from(lambda _: pick.choice(pieces), size)


def rules():
    for name in sorted(os.listdir(os.path.join(ROOT, "signatures"))):
        if name.endswith(".toml"):
            with open(os.path.join(ROOT, "signatures", name), "rb") as text:
                yield from tomllib.load(text).get("rule", [])


def literals():
    """Words that rules look for: those that they list, and how their patterns begin."""
    found = set()
    for rule in rules():
        found.update(word.encode() for word in rule.get("words", []))
        for literal in re.findall(r"[A-Za-z0-9_.:/-]{3,}", re.sub(r"\\.|\(\?[^:)>]*>?|\[[^]]*\]|\{[^}]*\}", " ", rule.get("pattern", ""))):
            found.add(literal.encode())
    return sorted(found)


@kind
def keywords(size):
    """All words that rules look for, over and over."""
    return one(fill(b" ,\n".join(literals()), size))


@kind
def keywords_row(size):
    """The same without anything between them."""
    return one(fill(b"".join(literals()), size))


@kind
def keywords_assigned(size):
    """Each of them assigned a word."""
    words = literals()
    return one(fill_from(lambda n: words[n % len(words)] + b"_key = " + chosen(LETTERS, 20, n) + b"\n", size))


@kind
def keywords_before_runs(size):
    """Each of them before a word of forty letters."""
    words = literals()
    return one(fill_from(lambda n: words[n % len(words)] + chosen(LETTERS, 40, n) + b" ", size))


@kind
def blocks(size):
    """Blocks in blocks that a provider's word names, each with keys of all that are in it, and values a long way off."""
    value = b"0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    return one(fill(b"flickr{key=" * 90 + value + b"\n", size))


@kind
def calls(size):
    """Calls in calls of a provider's library, with arguments that are too short."""
    value = b"0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    return one(fill(b"flickr('1','2'," * 68 + value + b"\n", size))


@kind
def hosts(size):
    """A provider's host again and again in one command."""
    value = b"0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    return one(fill((b"://flickr.com key=a " * 15 + value + b";") * 3, size))


@kind
def assigned_parts(size):
    """Passwords side by side, each with its user and host."""
    return one(fill_from(lambda n: b"user=a%d password=%s host=h%d.b\n" % (n, chosen(LETTERS, 12, n), n), size))


@kind
def long_values(size):
    """Names with long values that are nearly words."""
    return one(fill(b"password=" + b"5_a1$e" * 10 + b"\n", size))


@kind
def examples(size):
    """What the rules give as examples of themselves, as templates and so not quite right."""
    texts = [find["text"].encode() for rule in rules() for find in rule.get("finds", []) if isinstance(find.get("text"), str)]
    return one(fill(b"\n".join(texts), size))


# Files of known formats, which are read as a whole.

for name, path, piece in [
    ("format-npmrc", ".npmrc", b"//a/:_authToken=${A}\n"),
    ("format-netrc", "root/.netrc", b"machine a login b password\n"),
    ("format-env", "srv/.env", b"A=b\n"),
    ("format-pgpass", "root/.pgpass", b"a:1:b:c:\n"),
    ("format-aws", "root/.aws/credentials", b"[a]\naws_secret_access_key=\n"),
    ("format-maven", "root/.m2/settings.xml", b"<server><id>a</id><password>"),
    ("format-nuget", "root/.nuget/NuGet/NuGet.Config", b'<add key="a" value="'),
    ("format-docker", "root/.docker/config.json", b'{"auths":'),
    ("format-docker-many", "root/.docker/config.json", b'{"auths":{"a":{"auth":"YTpi"},'),
    ("format-kube", "root/.kube/config", b"users:\n- name: a\n  user:\n    token: "),
    ("format-kube-nested", "root/.kube/config", b"- - - "),
    ("format-yaml-flow", "root/.kube/config", b"{a: ["),
    ("format-php", "srv/wp-config.php", b"define('DB_PASSWORD', '"),
    ("format-htpasswd", "etc/.htpasswd", b"a:$apr1$b$c\n"),
    ("format-shadow", "etc/shadow", b"root:*:19000:0:99999:7:::\n"),
    ("format-git", "root/.git-credentials", b"https://a:b@c\n"),
    ("list-dpkg", "var/lib/dpkg/info/a.md5sums", b"0" * 32 + b"  usr/a\n"),
    ("list-status", "var/lib/dpkg/status", b"Package: a\nStatus: install ok installed\nConffiles:\n /etc/a " + b"0" * 32 + b"\n\n"),
    ("list-apk", "lib/apk/db/installed", b"P:a\nF:usr\nR:a\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"),
    ("list-record", "usr/lib/python3/site-packages/a.dist-info/RECORD", b"a/b.py,sha256=AAAA,1\n"),
    ("list-lock", "srv/node_modules/.package-lock.json", b'{"packages":'),
    ("list-yarn", "srv/node_modules/.yarn-integrity", b'{"lockfileEntries":'),
    ("list-composer", "srv/vendor/composer/installed.json", b'{"packages":['),
    ("list-gem", "usr/lib/ruby/gems/3.0/specifications/a-1.gemspec", b'Gem::Specification.new do |s|\n  s.files = ["'),
    ("list-metadata", "usr/lib/python3/site-packages/a.dist-info/METADATA", b"Name: a\n"),
    ("list-mtree", "var/lib/pacman/local/a-1/mtree", b"./a type=file sha256digest=00\n"),
]:
    repeats(name, f"a file of a known format: {path}", piece, path)


# Layers of many entries.


@kind
def tiny_files(size):
    """Files of one byte."""
    return many(lambda n: (f"srv/{n % 1000}/{n}", b"x"), size)


@kind
def empty_files(size):
    """Files of no byte."""
    return many(lambda n: (f"srv/{n % 1000}/{n}", b""), size)


@kind
def tiny_names(size):
    """Files with a name that says secret and no value."""
    return many(lambda n: (f"srv/{n % 1000}/{n}", b"password="), size)


@kind
def tiny_findings(size):
    """Files with one finding each."""
    return many(lambda n: (f"srv/{n % 1000}/{n}", b"api_token=" + chosen(LETTERS, 32, n)), size)


@kind
def tiny_scripts(size):
    """Files that begin like scripts."""
    return many(lambda n: (f"srv/{n % 1000}/{n}.sh", b"#!/bin/sh\n"), size)


@kind
def tiny_formats(size):
    """Files of known formats."""
    paths = [".npmrc", ".netrc", ".env", ".pgpass", ".aws/credentials", ".docker/config.json", ".kube/config", "settings.xml"]
    return many(lambda n: (f"srv/{n}/{paths[n % len(paths)]}", b"{"), size)


@kind
def tiny_lists(size):
    """Files of lists of packages."""
    return many(lambda n: (f"srv/node_modules/a{n}/package.json", b'{"name":"a","version":"1"}'), size)


def tiny(name, make):
    """A kind of many files that a decoder opens."""

    def function(size):
        return many(lambda n: (f"srv/{n % 1000}/{n}", make(n)), size)

    function.__doc__ = f"files of some bytes: {name}"
    KINDS[f"tiny-{name}"] = function


def zipped(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, content in members:
            archive.writestr(zipfile.ZipInfo(path), content, method)
    return out.getvalue()


def tarred(entries, out=None):
    out = out or io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return out


def archived(members):
    """An archive of ar."""
    header = lambda path, content: f"{path:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}`\n".encode()
    return b"!<arch>\n" + b"".join(header(path, content) + content + b"\n" * (len(content) % 2) for path, content in members)


def copied(members):
    """An archive of cpio."""

    def member(path, content):
        name = path.encode() + b"\0"
        fields = [0, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)

    return b"".join(member(path, content) for path, content in [*members, ("TRAILER!!!", b"")])


def compiled(code):
    """A compiled file of Python, of the version that runs this."""
    import importlib.util

    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def class_file(constants):
    """A class of Java that is nothing but constants."""
    texts = b"".join(b"\x01" + struct.pack(">H", len(text)) + text for text in constants)
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 52, len(constants) + 1) + texts + bytes(16)


def executable(content):
    """The head of an ELF file without sections, and content behind it."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 0, 0, 64, 0, 0) + content


def program(content, flags):
    """An ELF file that is loaded where it was linked to: content with flags, 1 for code and 2 for data."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    size = 120 + len(content)
    return head + struct.pack("<IIQQQQQQ", 1, 4 | flags, 0, LINKED, LINKED, size, size, 4096) + content


# Where programs are linked to.
LINKED = 0x400000


def scattered(number, size):
    """An address in a program of that size, another for each number."""
    return LINKED + 120 + number * 2654435761 % max(1, size)


def loose(content):
    return zlib.compress(b"blob %d\0" % len(content) + content)


def packed(objects):
    """A pack of git."""
    out = b"PACK" + struct.pack(">II", 2, len(objects))
    for content in objects:
        size, head = len(content) >> 4, [3 << 4 | len(content) & 15]
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7F)
            size >>= 7
        out += bytes(head) + zlib.compress(content)
    return out + hashlib.sha1(out).digest()


def database(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "app.db")
        with sqlite3.connect(path) as base:
            base.execute("create table a (b text)")
            base.executemany("insert into a values (?)", rows)
        base.close()
        with open(path, "rb") as content:
            return content.read()


for name, make in [
    ("gzip", lambda n: gzip.compress(b"a", mtime=0)),
    ("bzip2", lambda n: bz2.compress(b"a")),
    ("xz", lambda n: lzma.compress(b"a")),
    ("lzma", lambda n: lzma.compress(b"a", lzma.FORMAT_ALONE)),
    ("zstd-head", lambda n: b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0a"),
    ("lz4-head", lambda n: b"\x04\x22\x4d\x18\x60\x40\x82\0\0\0\0"),
    ("zip", lambda n: zipped([("a", b"a")])),
    ("ar", lambda n: archived([("a", b"a")])),
    ("cpio", lambda n: copied([("a", b"a")])),
    ("pyc", lambda n: compiled("a")),
    ("class", lambda n: class_file([b"a"])),
    ("elf", lambda n: executable(b"password=\0")),
    ("git-object", lambda n: loose(b"a")),
    ("git-pack", lambda n: packed([b"a"])),
    ("7z-head", lambda n: b"7z\xbc\xaf\x27\x1c\0\4" + bytes(50)),
    ("squashfs-head", lambda n: b"hsqs" + bytes(92)),
    ("sqlite-head", lambda n: b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20" + bytes(80)),
    ("asar-head", lambda n: struct.pack("<IIII", 4, 24, 20, 14) + b'{"files":{}}    '),
    ("cab-head", lambda n: b"MSCF" + bytes(40)),
    ("rpm-head", lambda n: b"\xed\xab\xee\xdb\3\0" + bytes(100)),
    ("jks-head", lambda n: b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1" + bytes(30)),
    ("redis-head", lambda n: b"REDIS0011\xff" + bytes(8)),
    ("wasm-head", lambda n: b"\0asm\1\0\0\0\0\5\4abcd"),
    ("journald-head", lambda n: b"LPKSHHRH" + bytes(232)),
    ("hprof-head", lambda n: b"JAVA PROFILE 1.0.2\0\0\0\0\x08" + bytes(20)),
    ("vim-head", lambda n: b"b0VIM 9.0\0" + bytes(90)),
    ("nested", lambda n: nested(n % 50)),
]:
    tiny(name, make)


def nested(depth):
    content = b"a"
    for level in range(depth % 20):
        content = [lambda c: gzip.compress(c, 1, mtime=0), lambda c: zipped([("a", c)]), lambda c: archived([("a", c)])][level % 3](content)
    return content


@kind
def deep_paths(size):
    """Paths of hundreds of folders."""
    return many(lambda n: ("d/" * 400 + str(n), b"x"), size // 3)


@kind
def long_names(size):
    """Names of thousands of letters."""
    return many(lambda n: (f"{n}" + "password=" * 400, b"x"), size // 8)


@kind
def hard_links(size):
    """Names of one file."""
    return [file("a", b"password=hunter2\n")] + [link(f"srv/{n}", "a", tarfile.LNKTYPE) for n in range(size // 512)]


@kind
def hard_link_chain(size):
    """Names of names."""
    return [file("srv/0", b"api_token=" + chosen(LETTERS, 32))] + [
        link(f"srv/{n + 1}", f"srv/{n}", tarfile.LNKTYPE) for n in range(size // 512)
    ]


@kind
def symlinks(size):
    """Links that say a password."""
    return [link(f"srv/{n}", "password=", tarfile.SYMTYPE) for n in range(size // 512)]


@kind
def whiteouts(size):
    """Files that are deleted."""
    return many(lambda n: (f"srv/{n % 1000}/.wh.{n}", b""), size)


@kind
def opaque(size):
    """Folders whose content is hidden."""
    return many(lambda n: (f"srv/{n}/.wh..wh..opq", b""), size)


@kind
def one_path(size):
    """The same path again and again, with another finding each time."""
    return many(lambda n: ("srv/.env", b"api_token=" + chosen(LETTERS, 32, n)), size)


@kind
def records(size):
    """Extension headers with many records."""
    entries = []
    for number in range(size // (3 << 10)):
        info = tarfile.TarInfo(f"srv/{number}")
        info.pax_headers = {f"user.{key}": "password=" for key in range(40)}
        entries.append((info, b""))
    return entries


# Containers of many parts.


def members(size, each, make):
    return [make(number) for number in range(size // each)]


for name, pack, each in [
    ("zip-empty", lambda parts: zipped([(path, b"") for path, _ in parts]), 100),
    ("zip-tiny", zipped, 110),
    ("zip-deflated", lambda parts: zipped(parts, zipfile.ZIP_DEFLATED), 110),
    ("ar-tiny", archived, 62),
    ("cpio-tiny", copied, 124),
    ("tar-tiny", lambda parts: tarred([file(*part) for part in parts]).getvalue(), 1024),
    ("gzip-members", lambda parts: b"".join(gzip.compress(content, mtime=0) for _, content in parts), 22),
    ("gzip-empty", lambda parts: gzip.compress(b"", mtime=0) * len(parts), 20),
    ("bzip2-members", lambda parts: b"".join(bz2.compress(content) for _, content in parts), 37),
    ("xz-members", lambda parts: b"".join(lzma.compress(content) for _, content in parts), 60),
    ("zstd-frames", lambda parts: b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0a" * len(parts), 10),
    ("zstd-skipped", lambda parts: b"\x50\x2a\x4d\x18\0\0\0\0" * len(parts) + b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0a", 8),
    ("zip-of-gzip", lambda parts: zipped([(path, gzip.compress(b"a", mtime=0)) for path, _ in parts]), 130),
    ("zip-of-zip", lambda parts: zipped([(path, zipped([("a", b"a")])) for path, _ in parts]), 210),
    ("pyc-tiny", lambda parts: compiled(tuple(path for path, _ in parts)), 9),
    ("pyc-nested", lambda parts: compiled(1)[:16] + b"(\1\0\0\0" * len(parts), 5),
    ("class-tiny", lambda parts: class_file([b"a"] * min(len(parts), 65000)), 4),
    ("elf-strings", lambda parts: executable(b"passwd=\0" * len(parts)), 8),
    ("elf-short", lambda parts: executable(b"abcd\0" * len(parts)), 5),
    ("elf-wide", lambda parts: executable("token=".encode("utf-16-le") * len(parts)), 12),
    ("elf-code", lambda parts: program(b"".join(b"\xb8" + struct.pack("<I", scattered(n, 5 * len(parts))) for n in range(len(parts))), 1), 5),
    ("elf-table", lambda parts: program(b"".join(struct.pack("<Q", scattered(n, 8 * len(parts))) for n in range(len(parts))), 2), 8),
    ("elf-glued", lambda parts: program(b"".join(struct.pack("<Q", LINKED + 120 + 16 * n + 8 * len(parts)) for n in range(len(parts))) + b"password=abcdefg" * len(parts), 2), 24),
    ("sqlite-tiny", lambda parts: database((path,) for path, _ in parts), 14),
    ("sqlite-names", lambda parts: database(("password=",) for _ in parts), 17),
    ("git-pack-tiny", lambda parts: packed([path.encode() for path, _ in parts]), 17),
    ("script-archive", lambda parts: b"#!/bin/sh\n" + b"PK\3\4" * len(parts), 4),
]:

    def function(size, pack=pack, each=each):
        return one(pack(members(size, each, lambda n: (f"{n:06}", b"a"))))

    function.__doc__ = "one file of many parts"
    KINDS[f"parts-{name}"] = function


@kind
def gzip_of_names(size):
    """Names without values, in gzip: what comes out is many times as much as goes in, and counts."""
    return one(gzip.compress(fill(b"password=", size), 1, mtime=0))


@kind
def many_archives(size):
    """Archives of one file, each in its own archive, four deep, in one archive."""
    inner = zipped([("a", zipped([("b", gzip.compress(archived([("c", b"password=")]), mtime=0))]))])
    return one(zipped([(str(n), inner) for n in range(size // (len(inner) + 100))]))


# The image's own documents.


def steps(name, about, piece, most=64 << 10):
    def function(size):
        count = max(1, size // most)
        text = fill(piece.encode(), min(size, most)).decode()
        return {"history": [f"RUN /bin/sh -c {number} {text} # buildkit" for number in range(count)]}

    function.__doc__ = about
    KINDS[f"steps-{name}"] = function


for name, about, piece in [
    ("words", "a command of many words", "a "),
    ("quotes", "quotes in commands", '"'),
    ("ticks", "quotes in commands", "'"),
    ("nested", "commands in commands", "$("),
    ("braces", "templates in commands", "${a:-"),
    ("and", "many commands", "a && "),
    ("pairs", "many assignments", "A=b "),
    ("options", "many options", "--password a "),
    ("password", "names without values", "password="),
    ("backslashes", "escapes in commands", "\\"),
    ("heredocs", "documents in commands", "<<A "),
    ("json", "lists in commands", '["'),
    ("mysql", "commands that are known", "mysql -p"),
    ("curl", "commands that are known", "curl -u a:"),
]:
    steps(name, about, piece)


@kind
def steps_many(size):
    """Steps of some bytes."""
    return {"history": [f"RUN {number} # buildkit" for number in range(min(size, 8 << 20) // 40)]}


@kind
def environment(size):
    """Variables of the image."""
    return {"history": [], "env": [f"PASSWORD_{number}=$A" for number in range(min(size, 8 << 20) // 24)]}


@kind
def labels(size):
    """Labels of the image."""
    return {"history": [], "labels": {f"password{number}": "" for number in range(min(size, 8 << 20) // 24)}}


# The image.


def write(name, size, out):
    """Writes a docker-archive of the kind."""
    entries, documents = KINDS[name](size), {}
    if isinstance(entries, dict):
        entries, documents = [file("a", b"a\n")], entries
    with tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(out.name))) as layer:
        form = tarfile.PAX_FORMAT if name == "records" else tarfile.GNU_FORMAT
        with tarfile.open(fileobj=layer, mode="w", format=form) as archive:
            for info, content in entries:
                archive.addfile(info, io.BytesIO(content))
        length = layer.tell()
        layer.seek(0)
        digest = hashlib.file_digest(layer, "sha256").hexdigest()
        layer.seek(0)
        history = [{"created_by": step, "empty_layer": True} for step in documents.get("history", [])]
        config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Env": documents.get("env", []), "Labels": documents.get("labels", {})},
            "history": [*history, {"created_by": "COPY . / # buildkit"}],
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
        manifest = [{"Config": "config.json", "RepoTags": ["hostile:latest"], "Layers": ["layer.tar"]}]
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as image:
            info = tarfile.TarInfo("layer.tar")
            info.size = length
            image.addfile(info, layer)
            for path, document in [("config.json", config), ("manifest.json", manifest)]:
                content = json.dumps(document).encode()
                image.addfile(file(path, content)[0], io.BytesIO(content))


def main():
    if len(sys.argv) == 1:
        for name, function in KINDS.items():
            print(f"{name:<24} {' '.join((function.__doc__ or '').split())}")
        return
    name, size, path = sys.argv[1:]
    for kind in KINDS if name == "all" else [name]:
        with open(os.path.join(path, f"{kind}.tar") if name == "all" else path, "wb") as out:
            write(kind, int(size), out)


if __name__ == "__main__":
    main()
