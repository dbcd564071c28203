"""Which operations of the API are built: those with a function in a product's table in src/control/products.

A product is `const struct product x = {"Name", rows, ...}`, its rows are `{"Operation", function}` in an array of
struct call_operation, or `X(Operation, function)` in a macro that the array is made from. Used by tools/coverage
and tools/gen-openapi; only what products.c names counts.
"""
import os
import re

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PRODUCT = re.compile(r'struct product (\w+)\s*=\s*\{\s*(?:\.name\s*=\s*)?"(\w+)",\s*(?:\.operations\s*=\s*)?(\w+)')
ARRAY = re.compile(r"struct call_operation (\w+)\[\]\s*=\s*\{(.*?)\};", re.DOTALL)
ROW = re.compile(r'\{"(\w+)",\s*(?!NULL\b)\w+\}')
MACRO_USE = re.compile(r"^\s*(\w+)\(\w+\)", re.MULTILINE)
MACRO = re.compile(r"#define (\w+)\(X\)((?:[^\n]*\\\n)*[^\n]*)")
MACRO_ROW = re.compile(r"\bX\((\w+),\s*(?!NULL\b)\w+\)")


def read_sources(folder):
    text = []
    for name in sorted(os.listdir(folder)):
        if name.endswith((".c", ".h")):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text.append(COMMENT.sub(" ", f.read()))
    return "\n".join(text)


def rows(body, macros):
    found = ROW.findall(body)
    for name in MACRO_USE.findall(body):
        found += MACRO_ROW.findall(macros.get(name, ""))
    return found


def built_operations(products_dir):
    """{"Slb": {"AddBackendServers", ...}, ...}"""
    with open(os.path.join(products_dir, "products.c"), encoding="utf-8") as f:
        listed = set(re.findall(r"&(\w+)", f.read()))
    built = {}
    for entry in sorted(os.scandir(products_dir), key=lambda entry: entry.name):
        if not entry.is_dir():
            continue
        text = read_sources(entry.path)
        arrays = dict(ARRAY.findall(text))
        macros = dict(MACRO.findall(text))
        for symbol, name, array in PRODUCT.findall(text):
            if symbol in listed:
                built.setdefault(name, set()).update(rows(arrays.get(array, ""), macros))
    return built
