"""What `wattmill init` finds and writes: among engines that answer as real ones do, and rubbish."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.catalog.factory import Factory, load_factory, parse_factory
from wattmill.core.errors import UsageError
from wattmill.web import discover
from wattmill.web.discover import (
    Engine,
    Found,
    Gpus,
    Machine,
    Served,
    factory_for_model,
    factory_text,
    find_engines,
    find_machine,
    init,
    read_gguf,
)
from wattmill.web.discover.naming import served_as
from wattmill.web.discover.told import is_word

DEMO_MODEL = Path(discover.__file__).parents[2] / "demo" / "model.gguf"
Answers = Mapping[str, Any]

VLLM: Answers = {
    "/version": {"version": "0.11.0"},
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "meta-llama/Llama-3.1-70B-Instruct",
                "owned_by": "vllm",
                "max_model_len": 32768,
            }
        ],
    },
}
SGLANG: Answers = {
    "/get_model_info": {"model_path": "Qwen/Qwen3-32B", "is_generation": True},
    "/v1/models": {
        "data": [{"id": "Qwen/Qwen3-32B", "owned_by": "sglang", "max_model_len": 40960}]
    },
}
SGLANG_NEWER: Answers = {
    "/server_info": {"model_path": "Qwen/Qwen3-32B", "tp_size": 2},
    "/v1/models": SGLANG["/v1/models"],
}
OLLAMA: Answers = {
    "/api/version": {"version": "0.9.6"},
    "/api/tags": {
        "models": [
            {"name": "llama3.1:8b", "details": {"quantization_level": "Q4_K_M"}},
            {"name": "tinydolphin:latest", "details": {"quantization_level": "Q4_0"}},
        ]
    },
    "/v1/models": {"data": [{"id": "llama3.1:8b"}, {"id": "tinydolphin:latest"}]},
}
LLAMA_CPP: Answers = {
    "/props": {"default_generation_settings": {"n_ctx": 16384}, "total_slots": 4},
    "/v1/models": {
        "data": [
            {"id": "/models/gemma-3-12b-it-Q6_K.gguf", "meta": {"ftype": "Q6_K", "n_ctx": 65536}}
        ]
    },
}
LM_STUDIO: Answers = {
    "/v1/models": {"data": [{"id": "phi-4"}]},
    "/api/v0/models": {
        "data": [
            {"id": "phi-4", "state": "loaded", "quantization": "Q8_0", "max_context_length": 16384}
        ]
    },
    None: {"error": "Unexpected endpoint or method."},  # type: ignore[dict-item]
}
"""LM Studio answers whatever it does not know with status 200."""

OTHER: Answers = {"/v1/models": {"data": [{"id": "house-model"}]}}


@contextmanager
def engine(answers: Answers, status: int = 200) -> Iterator[int]:
    """An engine on a free port that gives these answers; other paths are 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path, answers.get(None))  # type: ignore[call-overload]
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(404 if answer is None else status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something on a free port that does with a connection whatever it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(4096)
                        serve(connection)
                    except OSError:
                        pass

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def found_at(answers: Answers, status: int = 200) -> tuple[Engine | None, list[str]]:
    with engine(answers, status) as port:
        engines, unknown = find_engines([port])
    return (engines[0] if engines else None), unknown


def loaded(found: Found) -> Factory:
    return parse_factory(factory_text(found)[0], "factory.toml")


# --- engines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "name", "model", "precision", "context"),
    [
        (VLLM, "vllm", "llama-3.1-70b", None, 32768),
        (SGLANG, "sglang", "qwen3-32b", None, 40960),
        (SGLANG_NEWER, "sglang", "qwen3-32b", None, 40960),
        (OLLAMA, "ollama", "llama-3.1-8b", "q4_k_m", None),
        (LLAMA_CPP, "llama.cpp", "gemma-3-12b", "q6_k", 16384),
        (LM_STUDIO, "lmstudio", "phi-4", "q8_0", 16384),
        (OTHER, "openai", "house-model", None, None),
    ],
)
def test_an_engine_is_told_by_what_it_answers(
    answers: Answers, name: str, model: str, precision: str | None, context: int | None
) -> None:
    engine, unknown = found_at(answers)
    assert engine is not None and unknown == []
    served = engine.models[0]
    assert (engine.engine, served.model) == (name, model)
    assert (served.precision, served.context) == (precision, context)


def test_several_engines_and_models_become_pools_and_aliases_of_one_factory() -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(engine(kind)) for kind in (VLLM, OLLAMA, VLLM, LLAMA_CPP)]
        engines, unknown = find_engines(ports)
    factory = loaded(Found(Machine(), engines))
    assert unknown == []
    assert [pool.engine for pool in factory.pools].count("ollama") == 2
    assert len(set(factory.model("llama-3.1-70b").route)) == 2  # both vLLMs serve one alias
    assert factory.model("tinydolphin").route == ("ollama-tinydolphin",)
    assert {pool.served_model for pool in factory.pools} >= {"tinydolphin:latest", "llama3.1:8b"}
    assert factory.pool(factory.model("gemma-3-12b").route[0]).slots == 4


def test_a_port_where_nobody_listens_is_not_worth_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert find_engines([port]) == ((), [])


def test_an_engine_that_wants_a_key_is_said_to() -> None:
    engine, unknown = found_at({"/v1/models": {"error": "key"}}, status=401)
    assert engine is None and "wants a key" in unknown[0]


def test_an_engine_without_a_model_is_said_to_have_none() -> None:
    engine, unknown = found_at({**OLLAMA, "/v1/models": {"data": []}})
    assert engine is None and "ollama answers and serves no model yet" in unknown[0]


RUBBISH: dict[str, Answers] = {
    "html": {"/v1/models": b"<html>hello</html>", "/": b""},
    "a list": {"/v1/models": [1, 2, 3]},
    "null": {"/v1/models": None, "/version": {"version": "1"}},
    "data is a number": {"/v1/models": {"data": 7}},
    "rows are numbers": {"/v1/models": {"data": [1, None, "x"]}},
    "ids are no text": {"/v1/models": {"data": [{"id": 1}, {"id": None}, {"id": ["x"]}]}},
    "ids steer a terminal": {
        "/v1/models": {"data": [{"id": "\x1b[2J"}, {"id": ""}, {"id": " x "}]}
    },
    "not UTF-8": {"/v1/models": b'{"data": [{"id": "\xff\xfe"}]}'},
    "nested without end": {"/v1/models": b"[" * 100_000},
    "props of a wrong kind": {
        "/v1/models": {"data": [{"id": "m", "meta": 3, "max_model_len": "long"}]},
        "/props": {"default_generation_settings": [], "total_slots": {"a": 1}},
    },
    "tags of a wrong kind": {
        "/v1/models": {"data": [{"id": "m"}]},
        "/api/version": {"version": 1},
        "/api/tags": {"models": {"m": 1}},
    },
}


@pytest.mark.parametrize("what", RUBBISH)
def test_rubbish_never_ends_the_search(what: str) -> None:
    engine, _ = found_at(RUBBISH[what])
    if engine is not None:
        loaded(Found(Machine(), (engine,)))


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.2)


@pytest.mark.parametrize(
    "serve",
    [
        lambda connection: None,
        lambda connection: connection.sendall(b"\x00\xff rubbish \r\n\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
        lambda connection: connection.sendall(b"HTTP/1.1 2000 X\r\n\r\n"),
        lambda connection: time.sleep(5),
        drip,
    ],
    ids=["closes", "no HTTP", "cut off", "wrong status", "silent", "drips"],
)
def test_a_port_that_misbehaves_costs_little_time(
    serve: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattmill.web.discover.engines.ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr("wattmill.web.discover.engines.LOOK_TIMEOUT_S", 0.6)
    began_s = time.monotonic()
    with listener(serve) as port, engine(VLLM) as healthy:
        engines, _ = find_engines([port, healthy])
    assert [engine.engine for engine in engines] == ["vllm"]
    assert time.monotonic() - began_s < 3


# --- the machine ----------------------------------------------------------------------------------


def tools(**answers: str) -> discover.RunTool:
    return lambda command: answers.get(command[0].replace("-", "_"), "")


def machine_files(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


LINUX = {
    "proc__cpuinfo": "processor : 0\nmodel name\t: AMD EPYC 9654 96-Core Processor\n",
    "proc__meminfo": "MemTotal:       395000000 kB\nMemFree: 1 kB\n",
}


def test_cards_of_nvidia_are_counted_and_found_in_the_catalog(tmp_path: Path) -> None:
    run = tools(nvidia_smi="NVIDIA L40S, 46068\nNVIDIA L40S, 46068\nNVIDIA H100 80GB HBM3, 81559\n")
    machine, unknown = find_machine(run, machine_files(tmp_path, **LINUX))
    assert [gpu.hardware for gpu in machine.gpus] == ["2x L40S", "1x H100-SXM"]
    assert machine.gpus[0].memory_gib == pytest.approx(45, abs=0.1)
    assert (machine.cpu_hardware, unknown) == ("1x EPYC-9654", [])
    assert machine.memory_gib == pytest.approx(376.7, abs=0.1)


@pytest.mark.parametrize("key", ["Card Series", "Card series"])
def test_cards_of_amd_by_either_spelling(tmp_path: Path, key: str) -> None:
    row = {key: "AMD Instinct MI300X", "VRAM Total Memory (B)": str(192 * 2**30)}
    run = tools(rocm_smi=json.dumps({"card0": row, "card1": row, "system": {}}))
    machine, _ = find_machine(run, machine_files(tmp_path, **LINUX))
    assert [gpu.hardware for gpu in machine.gpus] == ["2x MI300X"]
    assert machine.gpus[0].memory_gib == 192


def test_a_mac_is_one_machine_with_one_memory(tmp_path: Path) -> None:
    def run(command: Any) -> str:
        answers = {"machdep.cpu.brand_string": "Apple M2 Ultra\n", "hw.memsize": str(192 * 2**30)}
        return answers.get(command[-1], "")

    machine, _ = find_machine(run, tmp_path)
    assert machine.gpus == (Gpus(1, "Apple M2 Ultra", 192.0, "1x M2-Ultra"),)


def test_a_card_that_the_catalog_does_not_know_is_named(tmp_path: Path) -> None:
    run = tools(nvidia_smi="NVIDIA GeForce RTX 4090 Laptop GPU, 16376\n")
    machine, unknown = find_machine(run, machine_files(tmp_path, **LINUX))
    assert machine.gpus[0].hardware is None
    assert "RTX 4090 Laptop GPU" in unknown[0]


def test_a_card_that_only_the_kernel_sees_is_said_to_be_there(tmp_path: Path) -> None:
    root = machine_files(tmp_path, sys__class__drm__card0__device__vendor="0x10de\n", **LINUX)
    machine_files(root, sys__class__drm__card1__device__vendor="0x1234\n")
    machine, unknown = find_machine(tools(), root)
    assert machine.gpus == ()
    assert unknown == ["which card the one of NVIDIA in this machine is: no tool of its maker told"]


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    machine, unknown = find_machine(tools(), tmp_path)
    assert (machine.gpus, machine.cpu, machine.memory_gib) == ((), None, None)
    assert unknown == ["the processor's name", "how much memory there is"]
    assert loaded(Found(machine)).pools[0].hardware == "1x cpu"


@pytest.mark.parametrize(
    "said", ["", "rubbish", "[1]", "{}", '{"card0": 3}', "NVIDIA L4, [N/A]", ",,,\n,"]
)
def test_tools_that_say_rubbish(tmp_path: Path, said: str) -> None:
    machine, _ = find_machine(tools(nvidia_smi=said, rocm_smi=said, sysctl=said), tmp_path)
    loaded(Found(machine))


# --- model files ----------------------------------------------------------------------------------


def gguf(path: Path, *facts: tuple[str, str | int], head: bytes = b"GGUF") -> Path:
    """A file with a header and nothing else."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def fact(key: str, value: str | int) -> bytes:
        if isinstance(value, str):
            return text(key) + struct.pack("<I", 8) + text(value)
        return text(key) + struct.pack("<II", 4, value)

    words = text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    body = b"".join([words, *(fact(*pair) for pair in facts)])
    path.write_bytes(head + struct.pack("<IQQ", 3, 0, len(facts) + 1) + body)
    return path


def test_a_gguf_file_tells_its_precision_and_context(tmp_path: Path) -> None:
    path = gguf(
        tmp_path / "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        ("llama.context_length", 131072),
        ("general.file_type", 15),
    )
    served = read_gguf(path)
    assert (served.model, served.precision, served.known) == ("llama-3.1-8b", "q4_k_m", True)
    assert served.context == discover.EMBEDDED_CONTEXT  # what fits a small machine, not the most


def test_the_name_of_the_file_helps_where_the_header_is_silent(tmp_path: Path) -> None:
    assert read_gguf(gguf(tmp_path / "MyModel-Q5_K_M.gguf")).precision == "q5_k_m"
    assert read_gguf(gguf(tmp_path / "MyModel.gguf", ("llama.context_length", 512))).context == 512


@pytest.mark.parametrize(
    "name", ["Qwen3 8B (final)!.GGUF", "ünï.gguf", "...gguf", "Ω.gguf", "a'b\"c.gguf"]
)
def test_any_file_name_gives_a_valid_factory(tmp_path: Path, name: str) -> None:
    factory = parse_factory(factory_for_model(gguf(tmp_path / name)), "factory.toml")
    assert factory.pools[0].embedded and len(factory.tenants) == 1
    assert Path(str(factory.pools[0].path)).name == name


def test_the_factory_of_the_demo_model_says_what_it_is() -> None:
    factory = parse_factory(factory_for_model(DEMO_MODEL), "factory.toml")
    assert factory.pools[0].model == "wattmill-demo"
    assert factory.pools[0].precision == "q8_0"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGU",
        b"GGUF",
        b"GGUF\x03\0\0\0",
        b"GGML" + b"\0" * 64,
        b"GGUF\x03\0\0\0" + b"\xff" * 64,
    ],
)
def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no GGUF file"):
        read_gguf(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_gguf(tmp_path / "none.gguf")


@pytest.mark.parametrize(
    ("own", "model"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("llama3.1:8b", "llama-3.1-8b"),
        ("gpt-oss:20b", "gpt-oss-20b"),
        ("DeepSeek-V3-0324", "deepseek-v3"),
        ("Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b-2507"),
        ("Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00003.gguf", "llama-3.3-70b"),
        ("deepseek-r1:7b", None),  # a distilled model of another shape
        ("Phi-4-mini-instruct", "phi-4-mini"),
        ("Phi-4-tiny-instruct", None),
        ("my-demo", None),
    ],
)
def test_a_model_is_taken_for_one_of_the_catalog_only_when_it_surely_is(
    own: str, model: str | None
) -> None:
    served = served_as(own)
    assert served.known == (model is not None)
    assert not served.known or served.model == model


# --- the file -------------------------------------------------------------------------------------


def test_init_writes_a_file_that_loads_and_says_what_is_open(tmp_path: Path) -> None:
    path = tmp_path / "factory.toml"
    with engine(VLLM) as port:
        found = init(path, [gguf(tmp_path / "Qwen3-8B-Q8_0.gguf")], ports=[port])
    factory = load_factory(path)
    assert [model.alias for model in factory.models] == ["llama-3.1-70b", "qwen3-8b"]
    assert [pool.embedded for pool in factory.pools] == [False, True]
    text = path.read_text()
    for what in ("what a kWh costs", "which hardware", "in which precision", "paid", "watts"):
        assert any(what in sentence for sentence in found.unknown), what
        assert any(what in line for line in text.splitlines() if line.startswith("# not known"))


def test_every_line_left_open_is_one_that_the_factory_file_takes(tmp_path: Path) -> None:
    """Whoever fills in the comments must not be told that they are wrong."""
    with engine(VLLM) as port:
        engines, _ = find_engines([port])
    text, _ = factory_text(Found(Machine(), engines))
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    factory = parse_factory("\n".join(lines), "factory.toml")
    assert factory.pools[0].paid_usd == 1200 and factory.pools[0].hardware == "1x cpu"


def test_nothing_found_is_the_demo_model(tmp_path: Path) -> None:
    init(tmp_path / "factory.toml", ports=[])
    pool = load_factory(tmp_path / "factory.toml").pools[0]
    assert (pool.path, pool.model, pool.embedded) == ("demo", "wattmill-demo", True)


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "factory.toml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        init(path, ports=[])
    assert path.read_text() == "mine"
    init(path, ports=[], force=True)
    load_factory(path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        init(tmp_path / "no" / "factory.toml", ports=[])


words = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(words.filter(is_word), min_size=1, max_size=5, unique=True),
    st.integers(1, 3),
)
def test_whatever_models_are_called_the_file_loads(names: list[str], count: int) -> None:
    served = tuple(served_as(name) for name in names)
    engines = tuple(Engine("vllm", f"http://127.0.0.1:{80 + n}/v1", served) for n in range(count))
    factory = loaded(Found(Machine(cpu="x"), engines))
    assert len(factory.pools) == len(names) * count
    assert sum(len(model.route) for model in factory.models) == len(factory.pools)


def test_the_screen_shows_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    machine = Machine((Gpus(4, "NVIDIA L40S", 45.0, "4x L40S"),), "EPYC", 96, 377.0)
    served = Served("Qwen/Qwen3-32B", "qwen3-32b", True)
    found = Found(machine, (Engine("vllm", "http://127.0.0.1:8000/v1", (served,)),))
    Console(width=100).print(discover.found_screen(found, Path("factory.toml")))
    shown = capsys.readouterr().out
    for part in (
        "4x NVIDIA L40S (45 GiB)",
        "vllm",
        "Qwen/Qwen3-32B",
        "Next: wattmill up factory.toml",
    ):
        assert part in shown
