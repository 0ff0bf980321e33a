"""Ask a server of this machine for drawings from many clients at once: how many a second, and how soon.

Protocol: `amortized-sr serve` with default options and bundled weights as a process of its own, on loopback; one
photograph of 64x64 pixels; each client asks for windows of random places, between a fortieth and the whole of the
picture, drawn with 512x512 pixels as JPEG, over a connection that stays open. With `--rate`, each client asks at even
times, all together so many times a second, and the time of an answer counts from the time at which it was due; without,
each asks again at once. Then more clients than the queue holds ask for large drawings, and one more asks again and
again: how soon it is refused. The clients run in processes of their own, and share the machine's cores with the server.

    python scripts/bench_server.py [--clients 32] [--seconds 60] [--rate 0] [--options "--workers 2"]
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "kitten_64.png"
# A client takes little of a core; more processes would only take turns.
PROCESSES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--rate", type=float, default=0, help="requests a second of all clients; 0: as fast as they can"
    )
    parser.add_argument("--options", default="", help="further options of amortized-sr serve")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "amortized_sr", "serve", "--port", "0", *shlex.split(arguments.options)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(2)]
        ready = re.search(r":(\d+)/", lines[1])
        if ready is None:
            raise SystemExit(f"the server did not start: {''.join(lines)}")
        port = int(ready[1])
        place = send(port)
        jobs = [(port, place, number, arguments.clients, arguments.rate) for number in range(arguments.clients)]
        shares = [jobs[start::PROCESSES] for start in range(PROCESSES) if jobs[start::PROCESSES]]
        with concurrent.futures.ProcessPoolExecutor(len(shares)) as pool:
            results = [
                result for share in pool.map(run_clients, shares, [arguments.seconds] * len(shares)) for result in share
            ]
        refusals = overfill(port, place)
        peak = peak_memory(server.pid)
    finally:
        server.terminate()
        server.wait()
    times = sorted(seconds for seconds, status in results if status == 200)
    errors = sum(status != 200 for _, status in results)
    rate = f"{arguments.rate:g} requests/s asked for" if arguments.rate else "as fast as they can"
    print(f"{os.cpu_count()} cores, {arguments.clients} clients, {arguments.seconds:g} s, {rate}\n")
    print("| answers/s | median ms | p95 ms | errors | refusals | median ms | slowest ms | peak MiB |")
    print("|---|---|---|---|---|---|---|---|")
    median, late = 1000 * statistics.median(times), 1000 * times[int(0.95 * (len(times) - 1))]
    refused = f"{1000 * statistics.median(refusals):.0f} | {1000 * max(refusals):.0f}" if refusals else "- | -"
    cells = f"{len(times) / arguments.seconds:.1f} | {median:.0f} | {late:.0f} | {errors} | {len(refusals)} | {refused}"
    print(f"| {cells} | {peak:.0f} |")


def send(port: int) -> str:
    """Send the picture and return where its drawings are."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/images", EXAMPLE.read_bytes())
    place = json.loads(connection.getresponse().read())["id"]
    connection.close()
    return f"/iiif/3/{place}"


def run_clients(jobs: list[tuple[int, str, int, int, float]], seconds: float) -> list[tuple[float, int]]:
    """Run some clients in threads, and return the seconds and the status of each of their answers."""
    results: list[tuple[float, int]] = []
    stop = time.perf_counter() + seconds
    threads = [threading.Thread(target=run_client, args=(*job, stop, results)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def run_client(
    port: int, place: str, number: int, clients: int, rate: float, stop: float, results: list[tuple[float, int]]
) -> None:
    """Ask until the time is over."""
    choice, connection = random.Random(number), http.client.HTTPConnection("127.0.0.1", port)
    step = clients / rate if rate else 0.0
    due = time.perf_counter() + step * number / clients
    while due < stop:
        time.sleep(max(0.0, due - time.perf_counter()))
        begin = due if rate else time.perf_counter()
        side = 100 * choice.uniform(0.025, 1)
        left, top = choice.uniform(0, 100 - side), choice.uniform(0, 100 - side)
        region = f"pct:{left:.3f},{top:.3f},{side:.3f},{side:.3f}"
        status = ask(connection, f"{place}/{region}/^512,512/0/default.jpg")
        ended = time.perf_counter()
        results.append((ended - begin, status))
        due = due + step if rate else ended
    connection.close()


def ask(connection: http.client.HTTPConnection, path: str) -> int:
    """Return the status of an answer, 0 for none."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return answer.status


def overfill(port: int, place: str, count: int = 90, probes: int = 60) -> list[float]:
    """Keep the queue full of large drawings; return how soon further requests are refused, in seconds.

    They come one at a time, because the time of many at once would be that of their clients.
    """
    stop = threading.Event()

    def fill(number: int) -> None:
        while not stop.is_set():
            _, status = ask_large(port, place, 1000 + number)
            if status == 503:
                stop.wait(1)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        for number in range(count):
            pool.submit(fill, number)
        time.sleep(2)
        answers = [ask_large(port, place, 2000) for _ in range(probes)]
        stop.set()
    return [seconds for seconds, status in answers if status == 503]


def ask_large(port: int, place: str, width: int) -> tuple[float, int]:
    """Return the seconds and the status of the answer to a request for a large drawing."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    begin = time.perf_counter()
    status = ask(connection, f"{place}/full/^{width},1000/0/default.jpg")
    connection.close()
    return time.perf_counter() - begin, status


def peak_memory(pid: int) -> float:
    """Return the largest resident set of a process so far in MiB; not a number where the system does not say."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


if __name__ == "__main__":
    main()
