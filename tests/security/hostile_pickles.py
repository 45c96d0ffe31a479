"""Pickles that run code, pickles that only cost, and random damage to honest ones."""

import pickle
import pickletools
import random
import struct

import numpy as np

from tests.deepface_files import COLUMNS, DIMENSION

EXTREMES = [b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]

# Codes that the watcher registers for three functions that run a command, in little-endian.
EXTENSIONS = (b"\1", b"\1\2", b"\1\2\3\4")


def value(thing):
    """The opcodes that push it."""
    return pickle.dumps(thing, 2)[2:-1]


def called(module, name, *arguments):
    """The opcodes that push what a function of this name returns."""
    return f"c{module}\n{name}\n".encode() + value(arguments) + b"R"


def named(module, name):
    """The opcodes of protocol 4 that push what has this name."""
    return value(module) + value(name) + b"\x93"


def executing(canary):
    """Payloads by name that each run something where names are believed; most make the file `canary`."""
    touch, write = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    system = b"cos\nsystem\n"
    command = value(touch)
    arguments = value((touch,))
    nested = called("os", "system", touch) + b"."
    return {
        name: b"\x80\x04" + code + b"."
        for name, code in {
            "os.system": called("os", "system", touch),
            "posix.system": called("posix", "system", touch),
            "os.popen": called("os", "popen", touch),
            "os.open": called("os", "open", str(canary), 0o101),
            "os.posix_spawn": called("os", "posix_spawn", "/usr/bin/touch", ["touch", str(canary)], {}),
            "subprocess.Popen": called("subprocess", "Popen", ["touch", str(canary)]),
            "subprocess.check_output": called("subprocess", "check_output", ["touch", str(canary)]),
            "builtins.exec": called("builtins", "exec", write),
            "builtins.eval": called("builtins", "eval", write),
            "builtins.eval of Python 2": called("__builtin__", "eval", write),
            "builtins.open": called("builtins", "open", str(canary), "w"),
            "builtins.__import__": called("builtins", "__import__", "wave"),
            "builtins.compile": called("builtins", "compile", write, "x", "exec"),
            "builtins.getattr": b"cbuiltins\ngetattr\n(cos\n__dict__\n" + value("get") + b"tR",
            "io.open": called("io", "open", str(canary), "w"),
            "io.FileIO": called("_io", "FileIO", str(canary), "w"),
            "importlib": called("importlib", "import_module", "wave"),
            "ctypes": b"cctypes\nCDLL\n(NtR",
            "socket": called("socket", "socket"),
            "socketpair": called("socket", "socketpair"),
            "runpy": called("runpy", "run_module", "wave"),
            "pathlib": b"cpathlib\nPath.touch\n(" + called("pathlib", "Path", str(canary)) + b"tR",
            "pickle.loads": called("pickle", "loads", nested),
            "map": b"cbuiltins\nlist\n(cbuiltins\nmap\n(" + system + b"(" + command + b"ltRtR",
            "INST": b"(" + command + b"ios\nsystem\n",
            "OBJ": b"(" + system + command + b"o",
            "STACK_GLOBAL": named("os", "system") + arguments + b"R",
            "STACK_GLOBAL with dots": named("os", "path.os.system") + arguments + b"R",
            "NEWOBJ": b"csubprocess\nPopen\n" + arguments + b"\x81",
            "NEWOBJ_EX": b"csubprocess\nPopen\n" + arguments + b"}\x92",
            "NEWOBJ by REDUCE": b"ccopyreg\n__newobj__\n(csubprocess\nPopen\ntR",
            "BUILD": b"cargparse\nNamespace\n)R}" + value("__setstate__") + system + b"sb" + command + b"b",
            "BUILD of slots": b"cargparse\nNamespace\n)RN}" + value("x") + system + b"s\x86b",
            **{
                f"EXT{len(code)}": opcode + code + arguments + b"R"
                for opcode, code in zip((b"\x82", b"\x83", b"\x84"), EXTENSIONS, strict=True)
            },
            "numpy.dtype with dots": named("numpy", "dtype.__call__.__globals__")
            + b"0"
            + called("os", "system", touch),
            "numpy.load": called("numpy", "load", str(canary)),
            "numpy.fromfile": called("numpy.core.multiarray", "fromfile", str(canary)),
            "numpy.scalar of an object": b"cnumpy.core.multiarray\nscalar\n("
            + called("numpy", "dtype", "O")
            + value(nested)
            + b"tR",
            "a name behind honest rows": value([]) + b"(" + called("os", "system", touch) + b"e",
        }.items()
    }


def row(**changes):
    chance = np.random.default_rng(1)
    edges = dict.fromkeys(COLUMNS[2:], 1)
    return (
        {"identity": "/faces/a.png", "hash": "0" * 40, "embedding": chance.normal(size=128).tolist()} | edges | changes
    )


def costly():
    """Payloads by name that run nothing, but are none that an index is, or are meant to cost memory or time."""
    deep, many = 200_000, 1_000_000
    dtype = b"cnumpy\ndtype\n"
    scalar = b"cnumpy.core.multiarray\nscalar\n"
    return {
        "nothing": b"",
        "no pickle": b"hello",
        "no end": pickle.dumps([row()])[:-1],
        "something behind the end": pickle.dumps([row()]) + b".",
        "PERSID": b"Pos.system\n.",
        "BINPERSID": value("os.system") + b"Q.",
        "a buffer from outside": b"\x80\x05\x97.",
        "memo bomb": b"]r\xff\xff\xff\x7f.",
        "memo bomb of four gigabytes": b"]r\xff\xff\xff\x1f.",
        "LONG1 claims": b"\x8a\xff\1.",
        "LONG4 claims": b"\x8b\xff\xff\xff\x7f\1.",
        "LONG4 claims less than nothing": b"\x8b\xff\xff\xff\xff\1.",
        "LONG of a million digits": b"L" + b"9" * many + b"L\n.",
        "INT of a million digits": b"I" + b"9" * many + b"\n.",
        **{
            f"opcode {opcode[0]:#x} claims": opcode + struct.pack("<Q", 2**62) + b"x."
            for opcode in (b"\x8e", b"\x8d", b"\x96")  # BINBYTES8, BINUNICODE8, BYTEARRAY8
        },
        "a gigabyte of bytearray": b"\x96" + struct.pack("<Q", 2**30) + b"x.",
        "frame of too much": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + value([]) + b".",
        "frame of too little": b"\x80\x04\x95" + struct.pack("<Q", 2) + value({}) + b".",
        "frames within a frame": b"\x80\x04" + (b"\x95" + struct.pack("<Q", 9)) * 1000 + b"].",
        "marks": b"(" * many + b"t.",
        "deep lists": b"]" * deep + b"a" * (deep - 1) + b".",
        "deep tuples": b")" + b"\x85" * deep + b".",
        "deep tuples as a key": b"}" + b")" + b"\x85" * deep + b"K\1s.",
        "deep rows": b"]" + b"}" + value("identity") + b"]" * deep + b"a" * (deep - 1) + b"sa.",
        "billion laughs": b"]q\0" + b"".join(b"](" + b"h\0" * 10 + b"eq\0" for _ in range(40)) + b".",
        "billion rows": b"](" + value(row()) + b"q\0" + b"h\0" * many + b"e.",
        "a million numbers": b"]("
        + value(row(embedding="x")).replace(b"X\1\0\0\0x", b"](K\1" + b"2" * many + b"e")
        + b"e.",
        "a list of itself": b"]q\0h\0a.",
        "an embedding of itself": pickle.dumps([row(embedding=0)], 2).replace(b"K\0", b"]q\x63h\x63a"),
        "colliding keys": pickle.dumps(dict.fromkeys(k * (2**61 - 1) for k in range(5000))),
        "another object": pickle.dumps({"rows": []}),
        "a row too wide": pickle.dumps([row(embedding=[0.5] * 512)]),
        "a row too narrow": pickle.dumps([row(embedding=[])]),
        "an embedding of strings": pickle.dumps([row(embedding=["0"] * 128)]),
        "an embedding of truths": pickle.dumps([row(embedding=[True] * 128)]),
        "an embedding of endless numbers": pickle.dumps([row(embedding=[10**400] * 128)]),
        "a box of strings": pickle.dumps([row(target_x="0")]),
        "a box of endless numbers": pickle.dumps([row(target_x=10**400)]),
        "a path of lists": pickle.dumps([row(identity=["/faces/a.png"])]),
        "a long path": pickle.dumps([row(identity="x" * 5000)]),
        "no hash": pickle.dumps([row(hash="")]),
        "one key more": pickle.dumps([row(more=1)]),
        "the row of older versions": pickle.dumps([["/faces/a.png", [0.5] * 128]]),
        "stand-in with attributes": dtype + b"}" + value("x") + value(1) + b"sb.",
        "stand-in with slots": dtype + b"N}" + value("__call__") + value(1) + b"s\x86b.",
        "stand-in as a class": dtype + b")\x81.",
        "stand-in of an object": scalar + b"(" + dtype + b"(" + value("O") + b"tR" + value(b"x") + b"tR.",
        "stand-in without a type": scalar + value(("f8", "x")) + b"R.",
        "stand-in of half a number": scalar + b"(" + dtype + b"(" + value("f8") + b"tR" + value("x") + b"tR.",
        "stand-in with a state of its own": dtype + b"(" + value("f8") + b"tR" + value((3, dtype, 1)) + b"b.",
        "stand-in as a row": b"]" + dtype + b"a.",
        "stand-in as a number": pickle.dumps([row(embedding=0)], 2).replace(b"K\0", b"](" + dtype * 128 + b"e"),
    }


def seeds():
    """Honest pickles of few rows, with numbers of Python's and of numpy's."""
    kinds = [(float, int), (np.float32, np.int64), (np.float64, np.int32), (np.float64, int)]
    rows = [
        [
            row(
                identity=f"/faces/{at // 2}.png",
                embedding=[number(at + k) for k in range(DIMENSION)],
                **{column: whole(at) for column in COLUMNS[2:]},
            )
            for at in range(4)
        ]
        + [row(embedding=None)]
        for number, whole in kinds
    ]
    return [pickle.dumps(one, protocol) for one in rows for protocol in (4, 5)]


def mutated(seed, honest, code):
    """One pickle with random damage, of which some is a piece of `code` among its opcodes; the same for one `seed`."""
    chance = random.Random(seed)
    content = chance.choice(honest)
    if chance.random() < 0.5:
        content = spliced(chance, content, code)
    for _ in range(chance.randint(0, 3)):
        content = chance.choice(DAMAGE)(chance, content)
    return content


def spliced(chance, content, code):
    """The pickle with a whole payload run, and its result dropped, between two of its opcodes; frames are left out."""
    opcodes = [(opcode, at) for opcode, _, at in pickletools.genops(content)]
    ends = [at for _, at in opcodes[1:]] + [len(content)]
    pieces = [content[at:end] for (opcode, at), end in zip(opcodes, ends, strict=True) if opcode.name != "FRAME"]
    pieces.insert(chance.randrange(1, len(pieces)), chance.choice(code)[2:-1] + b"0")
    return b"".join(pieces)


def _flipped(chance, content):
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _cut(chance, content):
    return content[: chance.randrange(1, len(content))]


def _with_opcode(chance, content):
    at = chance.randrange(len(content))
    return content[:at] + chance.choice(pickletools.opcodes).code.encode("latin1") + content[at:]


def _moved(chance, content):
    start, to = (chance.randrange(len(content)) for _ in range(2))
    piece = content[start : start + chance.randint(1, 200)]
    return content[:to] + piece + content[to + chance.choice((0, len(piece))) :]


def _extreme(chance, content):
    at = chance.randrange(len(content))
    extreme = chance.choice(EXTREMES)
    return content[:at] + extreme + content[at + len(extreme) :]


def _renamed(chance, content):
    old = chance.choice((b"multiarray", b"scalar", b"dtype", b"numpy", b"embedding", b"hash"))
    new = chance.choice((b"os", b"system", b"builtins", b"eval", b"posix", b"subprocess", b"Popen"))
    return content.replace(bytes([len(old)]) + old, bytes([len(new)]) + new)


DAMAGE = (_flipped, _cut, _with_opcode, _moved, _extreme, _renamed)
