"""The operation tables: what their generator refuses, and that what is said to be built is what the program has."""
import json
import subprocess

import pytest

import lib

GEN_OPENAPI = lib.ROOT / "tools/gen-openapi"
COVERAGE = lib.ROOT / "tools/coverage"


@pytest.mark.parametrize(
    "lines, place",
    [
        ("op A P0", ":1: the first line is"),
        ("product X 1\nop A P7", ":2: there is no tier P7"),
        ("product X 1\nop A P0\nop A P0", ":3: operation A is there twice"),
        ("product X 1\nin F string", ":2: a line outside an operation"),
        ("product X 1\nop A P0\nin F text", ":3: there is no type text"),
        ("product X 1\nop A P0\nin F string\nin F string", ":4: F is there twice"),
        ("product X 1\nop A P0\nin F string min=1", ":3: min and max are for numbers"),
        ("product X 1\nop A P0\nin F integer min=2 max=1", ":3: min is greater than max"),
        ("product X 1\nop A P0\nin F integer default=x", ":3: default x is not of type integer"),
        ("product X 1\nop A P0\nin F string len=5..1", ":3: len=5..1 is empty"),
        ("product X 1\nop A P0\nin F string comma", ":3: comma is for strings that have an enum"),
        ("product X 1\nop A P0\nin F string refused=no", ":3: refused is a sentence"),
        ("product X 1\nop A P0\nin F string what", ":3: there is no attribute what"),
        ("product X 1\nop A P0\nin F.N.B string", ":3: F.N.B stands before the line of F"),
        ("product X 1\nop A P0\nin F list\nin F.B string", ":4: F.B: F is a list"),
        ("product X 1\nop A P0\nin F struct", "(line 2): F has no members"),
        ("product X 1\nop A P0\nerrors 200 Fine", ":3: 200 is not an error status"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_place(tmp_path, lines, place):
    table = tmp_path / "x.txt"
    table.write_text(lines + "\n")
    done = subprocess.run([GEN_OPENAPI, tmp_path, table], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and str(table) in done.stderr and place in done.stderr, done.stderr


def test_the_same_tables_give_the_same_files(tmp_path):
    tables = sorted((lib.ROOT / "src/openapi/tables").glob("*.txt"))
    made = []
    for name in ("a", "b"):
        out = tmp_path / name
        out.mkdir()
        subprocess.run([GEN_OPENAPI, out, *tables], check=True)
        made.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert made[0] == made[1] and len(made[0]) == len(tables) + 1


def operations():
    """(product, operation) of every line of the four APIs."""
    for name in ("slb", "alb", "nlb", "alidns"):
        product = None
        for line in (lib.ROOT / f"src/openapi/tables/{name}.txt").read_text().splitlines():
            words = line.split()
            if words[:1] == ["product"]:
                product = words[1]
            elif words[:1] == ["op"]:
                yield product, words[1]


def is_built(node, product, operation):
    try:
        node.call(product, operation)
    except lib.ApiError as e:
        return e.code != "UnsupportedOperation"
    return True


def test_coverage_counts_what_the_program_has(node):
    done = subprocess.run([COVERAGE, "--api", "--json"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    everything = list(operations())
    assert said["total"] == len(everything) == said["implemented"] + len(said["missing"])
    missing = {f"{product}.{op}" for product, op in everything if not is_built(node, product, op)}
    assert missing == set(said["missing"])
