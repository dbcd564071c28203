"""Rules of ALB, proved by traffic: conditions, actions, priorities, batches."""
import pytest

from alb import action, fixed, forward, names, on, ordered, vips
from lib import get, proves


@pytest.fixture(scope="module")
def place(alb, backends):
    """A listener per test over one default group, with two more groups."""

    class Place:
        groups = [alb.group(backends.nginx(f"ECS0{i}")) for i in (1, 2, 3)]
        mine = alb.instance()
        port = 8000

        def listener(self):
            self.port += 1
            return alb.listener(self.mine["LoadBalancerId"], self.groups[0], self.port), (vips(self.mine)[0], self.port)

    return Place()


@proves("ALBI-01", "ALBI-02", "ALBI-25", "ALBL-16", "ALBL-24", "ALBL-25", "ALBL-26")
def test_host_path_and_header_choose_the_group_in_all_editions(alb, place):
    basic = alb.instance(LoadBalancerEdition="Basic")
    one, two, three = place.groups
    listener, where = alb.listener(basic["LoadBalancerId"], one, 80), (vips(basic)[0], 80)
    alb.rule(listener, 1, [on("Host", "*.example.com"), on("Path", "/home*")], forward(two))
    alb.rule(listener, 2, [on("Header", "canary", Key="x-stage")], forward(three))

    def who(path, host="www.other.net", headers=()):
        return get(where, path, [("Host", host), *headers]).body.decode().strip()

    assert who("/home/page", "a.b.example.com") == "ECS02"
    assert who("/homepage", "www.example.com") == "ECS02"
    assert who("/other", "www.example.com") == "ECS01"
    assert who("/home", "example.com") == "ECS01"
    assert who("/home") == "ECS01"
    assert who("/", headers=[("X-Stage", "canary")]) == "ECS03"
    assert who("/home", "www.example.com", [("X-Stage", "canary")]) == "ECS02"


@proves("ALBL-17")
def test_path_slash_star_matches_every_path(alb, place):
    listener, where = place.listener()
    alb.rule(listener, 10, [on("Path", "/*")], fixed("202", "all"))
    assert {get(where, p).status for p in ("/", "/a", "/a/b/c.html", "/?x=1")} == {202}


@proves("ALBL-15", "ALBL-18", "ALBL-19", "ALBL-20", "ALBL-21", "ALBL-22", "ALBL-23")
def test_redirect_to_https_keeps_host_path_and_query(alb, place):
    listener, where = place.listener()
    rule = alb.rule(listener, 1, [on("Path", "/*")], action("Redirect", Protocol="HTTPS", Port="443", HttpCode="301"))
    answer = get(where, "/home/a?x=1&y=2", [("Host", "www.example.com")])
    assert answer.status == 301
    assert answer.header("Location") in (
        "https://www.example.com/home/a?x=1&y=2", "https://www.example.com:443/home/a?x=1&y=2")  # fmt: skip
    (shown,) = alb.call("ListRules", RuleIds=[rule])["Rules"]
    assert shown["RuleActions"][0]["RedirectConfig"] == {
        "Protocol": "HTTPS", "Host": "${host}", "Port": "443", "Path": "${path}", "Query": "${query}", "HttpCode": "301"}  # fmt: skip


def test_rewrite_changes_what_the_server_gets(alb, place):
    listener, where = place.listener()
    alb.rule(listener, 1, [on("Path", "/old*")], action("Rewrite", Host="inner.example.com", Path="/echo", Query="a=1"),
             forward(place.groups[1]))  # fmt: skip
    echoed = get(where, "/old/page?b=2").body.decode()
    assert "/echo?a=1" in echoed and "inner.example.com" in echoed


def test_fixed_response_and_first_match_by_priority(alb, place):
    listener, where = place.listener()
    broad = alb.rule(listener, 5, [on("Path", "/t*")], fixed("418", "broad"))
    alb.rule(listener, 10, [on("Path", "/teapot")], fixed("418", "narrow"))
    assert get(where, "/teapot").body == b"broad"
    alb.do("UpdateRuleAttribute", RuleId=broad, Priority=20)
    assert get(where, "/teapot").body == b"narrow"
    alb.do("DeleteRule", RuleId=broad)
    assert get(where, "/tea").status == 200


def test_weights_among_groups_of_a_rule(alb, place):
    listener, where = place.listener()
    one, two, three = place.groups
    rule = alb.rule(listener, 1, [on("Path", "/*")], forward((two, 100), (three, 0)))
    assert names(where, 10) == {"ECS02": 10}
    alb.do("UpdateRuleAttribute", RuleId=rule, RuleActions=ordered([forward((two, 50), (three, 50))]))
    assert set(names(where, 60)) == {"ECS02", "ECS03"}
    alb.fails("ResourceInUse.ServerGroup", "DeleteServerGroup", ServerGroupId=three)


def rule_of(priority, path, content, **params):
    return {"Priority": priority, "RuleName": f"rule-{priority}", "RuleConditions": [on("Path", path)],
            "RuleActions": ordered([fixed("200", content)]), **params}  # fmt: skip


def test_batches_are_all_or_nothing_and_may_swap_priorities(alb, place):
    listener, where = place.listener()
    answer = alb.do("CreateRules", ListenerId=listener, Rules=[rule_of(1, "/x*", "first"), rule_of(2, "/xy", "second")])
    ids = [r["RuleId"] for r in answer["RuleIds"]]
    assert [r["Priority"] for r in answer["RuleIds"]] == [1, 2]
    assert get(where, "/xy").body == b"first"
    alb.do("UpdateRulesAttribute", Rules=[{"RuleId": ids[0], "Priority": 2}, {"RuleId": ids[1], "Priority": 1}])
    assert get(where, "/xy").body == b"second"

    bad = [rule_of(3, "/a", "a"), rule_of(2, "/b", "b")]
    alb.fails("Conflict.Priority", "CreateRules", ListenerId=listener, Rules=bad)
    alb.fails("Conflict.Priority", "CreateRules", ListenerId=listener, Rules=[rule_of(3, "/a", "a"), rule_of(3, "/b", "b")])
    alb.fails("ResourceNotFound.Rule", "DeleteRules", RuleIds=[ids[0], "rule-none"])
    alb.fails("ResourceNotFound.Rule", "UpdateRulesAttribute",
              Rules=[{"RuleId": ids[0], "Priority": 9}, {"RuleId": "rule-none", "Priority": 10}])  # fmt: skip
    shown = alb.call("ListRules", ListenerIds=[listener])
    assert [(r["RuleId"], r["Priority"]) for r in shown["Rules"]] == [(ids[0], 2), (ids[1], 1)]
    assert get(where, "/a").body != b"a"

    alb.do("DeleteRules", RuleIds=ids)
    assert alb.call("ListRules", ListenerIds=[listener])["TotalCount"] == 0


def test_lists_page_through_rules(alb, place):
    listener, _ = place.listener()
    alb.do("CreateRules", ListenerId=listener, Rules=[rule_of(i, f"/p{i}", "x") for i in range(1, 6)])
    found, token = [], None
    while True:
        page = alb.call("ListRules", ListenerIds=[listener], MaxResults=2, NextToken=token)
        assert page["TotalCount"] == 5 and page["MaxResults"] == 2
        found += [r["Priority"] for r in page["Rules"]]
        token = page.get("NextToken")
        if not token:
            break
    assert found == [1, 2, 3, 4, 5]
