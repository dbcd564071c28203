"""The results file, and the table of ratios with the goals."""
import json
import os

FOREIGN_PART_MAX = 0.15
TARGETS = ("openslb", "nginx", "haproxy")
BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def write_results(path, results):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(results, f, indent=2)
        f.write("\n")


def load_goals():
    with open(os.path.join(BENCH, "goals.json"), encoding="utf-8") as f:
        return json.load(f)["goals"]


def ratio_of(ours, theirs):
    return ours / theirs if ours and theirs else None


def goal_ratio(goal, rows):
    """The ratio that a goal is about; None if it was not measured."""
    row = rows.get(goal["scenario"])
    if row is None:
        return None
    if goal["with"] in row:
        other = row[goal["with"]]
    else:
        other = rows.get(goal["with"], {}).get("openslb")
    return ratio_of(row["openslb"], other)


def cell(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def goal_text(goals, rows):
    """For one scenario: each goal and whether it is met."""
    texts = []
    for goal in goals:
        ratio = goal_ratio(goal, rows)
        verdict = "not measured"
        if ratio is not None:
            verdict = f"{ratio:.2f} " + ("met" if ratio <= goal["max"] else "NOT MET")
        texts.append(f"<= {goal['max']:.2f} {goal['with']}: {verdict}")
    return "; ".join(texts)


def table(results):
    rows = {row["scenario"]: row for row in results["scenarios"]}
    goals = load_goals()
    lines = [("scenario", "unit", *TARGETS, "/nginx", "/haproxy", "spread", "req/s", "p99 us", "goals")]
    for name, row in rows.items():
        ratios = [ratio_of(row["openslb"], row[peer]) for peer in TARGETS[1:]]
        lines.append(
            (
                name,
                row["unit"],
                *(cell(row[t]) for t in TARGETS),
                *(cell(r) for r in ratios),
                f"{row['spread']:.0%}" + ("*" if row.get("foreign", 0) > FOREIGN_PART_MAX else ""),
                cell(row["rps"].get("openslb")),
                cell(row["p99_us"].get("openslb")),
                goal_text([g for g in goals if g["scenario"] == name], rows),
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() for line in lines]
    if any(row.get("foreign", 0) > FOREIGN_PART_MAX for row in rows.values()):
        text.append("* the CPU did much that was not the proxy's: the machine was not quiet")
    return "\n".join(text)
