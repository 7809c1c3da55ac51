"""Tasks for worker processes; a worker imports them from here."""

import os
import re
import signal
import time
from collections import deque
from itertools import count
from typing import Any


def double_or_die(number: int) -> int:
    """Kill the worker on 3 and 7."""
    if number in (3, 7):
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def die_in_ways(way: str) -> str:
    """End the worker in the way that is asked for, or say the way back."""
    if way == "exit":
        os._exit(0)
    if way.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, way))
    if way == "system exit":
        raise SystemExit(3)
    return way


def die_with_company(task: tuple[str, str]) -> str:
    """Die once: where the file does not exist yet; so only the first attempt fails."""
    word, mark = task
    if mark and not os.path.exists(mark):  # noqa: PTH110
        with open(mark, "w"):  # noqa: PTH123
            os.kill(os.getpid(), signal.SIGKILL)
    return word


def hang(way: str) -> str:
    """Take for ever in the way that is asked for, or say the way back."""
    if way == "sleep":
        time.sleep(3600)
    if way == "loop":
        while True:
            pass
    if way == "swallow":
        while True:
            try:
                time.sleep(3600)
            except Exception:
                continue
    if way == "swallow once":
        try:
            time.sleep(3600)
        except BaseException:
            time.sleep(3600)
    if way == "number":
        return str(os.getpid())
    if way == "pattern":
        re.match(r"(a+)+$", "a" * 64 + "b")
    if way == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if way == "c":
        deque(count(), maxlen=0)  # C code that never gives the interpreter back
    if way.startswith("/"):
        with open(way, "rb") as pipe:  # noqa: PTH123
            pipe.read()
    return way


def fill(megabytes: int) -> int:
    """Take so much memory; how many MB were taken."""
    return sum(map(len, [bytearray(2**20) for _ in range(megabytes)])) // 2**20


KEPT: list[bytearray] = []


def leak(megabytes: int) -> int:
    """Take so much memory and never give it back; returns the number of the process."""
    KEPT.append(bytearray(megabytes * 2**20))
    return os.getpid()


def fail(number: int) -> int:
    raise ZeroDivisionError(number)


class Unusual(Exception):
    """One that can't be sent to another process."""

    def __init__(self, one: int, two: int):
        super().__init__(f"{one} {two}")


def fail_unusually(number: int) -> int:
    raise Unusual(number, number)


def answer_with_what_cannot_be_sent(number: int) -> Any:
    return lambda: number


def threads(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")
