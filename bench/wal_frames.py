#!/usr/bin/env python3
"""What a commit's WAL frames weigh, plain and through zstd -1: the yardstick for bytes archived a commit.

  wal_frames.py DATABASE SECONDS    loads a copy of DATABASE with write_load.py; prints JSON

A reader holds its snapshot during the load, so that the WAL is never restarted and keeps every frame.
"""
import ctypes, ctypes.util, json, pathlib, sqlite3, struct, subprocess, sys, tempfile

import measure

HERE = pathlib.Path(__file__).resolve().parent
WAL_HEADER, FRAME_HEADER = 32, 24
SLICES, PINNED_SECONDS = 5, 0.5


def load_zstd():
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]

    def compressed_size(data):
        room = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
        return library.ZSTD_compress(room, len(room), data, len(data), 1)

    return compressed_size


def commits_of(wal):
    """The frames of each commit, one bytes object a commit. The salts say where this generation ends."""
    with open(wal, "rb") as file:
        header = file.read(WAL_HEADER)
        page_size, = struct.unpack(">I", header[8:12])
        salts, frames = header[16:24], []
        while len(frame := file.read(FRAME_HEADER + page_size)) == FRAME_HEADER + page_size and frame[8:16] == salts:
            frames.append(frame)
            if frame[4:8] != bytes(4):  # the database's size: this frame ends a commit
                yield b"".join(frames)
                frames.clear()


def load(database, seconds):
    subprocess.run([sys.executable, HERE / "write_load.py", database, str(seconds)], check=True, capture_output=True)


def weigh(database, seconds, folder):
    """The mean over a load of `seconds`: frames grow fewer as full pages have split, so the middle of each of five
    slices is weighed. A pinned WAL slows the writer down, so between the slices it runs freely."""
    copy = measure.fresh_copy(database, pathlib.Path(folder) / "frames.db")
    compressed_size, slices, commits = load_zstd(), [], 0
    for _ in range(SLICES):
        load(copy, seconds / SLICES / 2)
        reader = sqlite3.connect(copy, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM categories").fetchone()
        load(copy, PINNED_SECONDS)
        sizes = [(len(commit), compressed_size(commit)) for commit in commits_of(str(copy) + "-wal")]
        reader.close()  # the last connection: checkpoints, and the next slice begins with an empty WAL
        slices.append([sum(column) / len(sizes) for column in zip(*sizes)])
        commits += len(sizes)
        load(copy, seconds / SLICES / 2)
    return {"commits": commits, "frame_bytes": sum(s[0] for s in slices) / SLICES,
            "zstd_bytes": sum(s[1] for s in slices) / SLICES}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=pathlib.Path(sys.argv[1]).parent) as scratch:
        print(json.dumps(weigh(sys.argv[1], float(sys.argv[2]), scratch)))
