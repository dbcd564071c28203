/* DNS: domains, records and weighted sets as documents, and the operations of Alidns on them.
 *
 * Documents only: nothing here answers queries, and nothing of these kinds is compiled. Names are ASCII in lower case,
 * without a final dot; international ones are kept and shown in their xn-- form (RFC 5890). "=" marks what is always
 * there, "?" what may be absent.
 *
 * dns.domain, its id is its name: "example.com"
 *   = DomainId          opaque; the resource of operation-log records, also of those about its records
 *   = CreateTimestamp   ms since 1970
 *   = Tags              [{Key, Value}]
 *   ? GroupId, Remark, ResourceGroupId
 *
 * dns.domain_group "dg-..."
 *   = GroupName
 *
 * dns.record, its id is a decimal number
 *   = DomainName
 *   = RR                "@", "www", "a.b", "*", "*.a"
 *   = Type              "A" | "AAAA" | "CNAME" | "MX" | "TXT" | "NS" | "SRV" | "CAA"
 *   = Value             checked by dns_value_check; host names without final dot
 *   = TTL               1..86400 seconds
 *   = Line              "default"
 *   = Enabled
 *   = CreateTimestamp, UpdateTimestamp
 *   ? Priority          MX: 1..50
 *   ? Weight            0..100; absent: 1. Means something while the set is weighted
 *   ? Remark
 *
 * dns.weights "<RR>.<domain>:<Type>": the records of one host and type are weighted, one of them per answer
 *   = DomainName, RR, Type
 *   = Open              whether all lines are; what Lines says of a line goes first
 *   = Lines             {"<line>": boolean}
 *   A document in which nothing is open is removed.
 */
#pragma once

#include "control/call.h"

#define DNS_DOMAIN  "dns.domain"
#define DNS_GROUP   "dns.domain_group"
#define DNS_RECORD  "dns.record"
#define DNS_WEIGHTS "dns.weights"

#define DNS_NAME_MAX 253u /* characters of a name (RFC 1035 section 2.3.4) */
#define DNS_SET_MAX  90u  /* records of one host, type and line */
#define DNS_TIME_LEN 32u

/* --- shared by the files of this folder -------------------------------------------------------- */

/* punycode.c */

/* A name with its international labels (Han, Kana, Hangul) in their xn-- form; all else as it is. 0; -EINVAL: another script, or
 * too long. */
int dns_to_ascii(const char *name, char ret_name[DNS_NAME_MAX + 2]) MUST_CHECK;

/* names.c: pure functions; names may be international */

/* A host name: labels of letters, digits, hyphens (and underscores if is_loose), of 1..63 characters, not beginning or ending
 * with a hyphen, n_labels_min at least; at most 253 in all. One final dot is allowed and not copied; letter case is
 * kept unless is_loose is false. 0, or -EINVAL. */
int dns_name_check(const char *name, bool is_loose, unsigned n_labels_min,
    char ret_name[DNS_NAME_MAX + 1]) MUST_CHECK;
/* A name of a domain: two labels or more, the last one not a number. Lower case in ret_name. */
int dns_domain_check(const char *name, char ret_name[DNS_NAME_MAX + 1]) MUST_CHECK;
/* The host part of a record of a domain, lower case in ret_rr. */
int dns_rr_check(const char *rr, const char *domain, char ret_rr[DNS_NAME_MAX + 1]) MUST_CHECK;

/* value.c: pure functions */

/* Checks the value of a record and writes it as it is stored. Returns NULL, or one sentence on what is wrong with it. */
const char *dns_value_check(const char *type, const char *value, struct text *ret_value);
/* Whether two stored values of a type mean the same. */
bool dns_value_eq(const char *type, const char *a, const char *b);

/* domain.c */

/* The domain of that name (in any letter case), or NULL after call_fail. */
const struct doc *dns_domain_find(struct call *call, const char *name);
/* The longest added domain that name is or ends in; NULL if there is none. */
const struct doc *dns_domain_of(struct call *call, const char *name);
/* "2026-01-02T03:04Z". Returns buf. */
const char *dns_time(uint64_t ms, char buf[DNS_TIME_LEN]);
/* Splits the name of a host ("www.example.com") into RR and domain. domain: that of the request, or NULL: found by name. The domain's
 * document, or NULL after call_fail. */
const struct doc *dns_split(
    struct call *call, const char *host, const char *domain, char ret_rr[DNS_NAME_MAX + 1]);
/* What the operation log files the call under. */
void dns_resource(struct call *call, const struct doc *domain);
/* Members GroupId and GroupName of a domain. */
void dns_put_group(struct call *call, const json_t *domain, json_t *out);

/* weights.c */

/* Whether records of that set are weighted. */
bool dns_is_weighted(struct call *call, const json_t *record);
/* Forgets the weighting of a host and type that has no records any more. */
void dns_weights_settle(struct call *call, const char *domain, const char *rr, const char *type);

/* release.c */

/* 0, or call_fail's with code if a weighted set has a share of its answers lead to the instance: by its name, by one of its
 * addresses, or by an alias in the domains of this node. */
int dns_check_release(struct call *call, const json_t *instance, const char *code) MUST_CHECK;

/* line.c */
bool dns_is_line(const char *line);
/* The lines as RecordLines of an answer; lang: "zh" or "en". */
json_t *dns_lines(const char *lang);

/* --- operations -------------------------------------------------------------------------------- */

/* domain.c */
int dns_add_domain(struct call *call);
int dns_delete_domain(struct call *call);
int dns_describe_domain_info(struct call *call);
int dns_describe_domains(struct call *call);
int dns_update_domain_remark(struct call *call);
int dns_move_domain_resource_group(struct call *call);
int dns_describe_domain_ns(struct call *call);
int dns_get_main_domain_name(struct call *call);

/* group.c */
int dns_add_domain_group(struct call *call);
int dns_change_domain_group(struct call *call);
int dns_delete_domain_group(struct call *call);
int dns_describe_domain_groups(struct call *call);
int dns_update_domain_group(struct call *call);

/* record.c */
int dns_add_domain_record(struct call *call);
int dns_update_domain_record(struct call *call);
int dns_delete_domain_record(struct call *call);
int dns_delete_sub_domain_records(struct call *call);
int dns_set_domain_record_status(struct call *call);
int dns_update_domain_record_remark(struct call *call);

/* record_list.c */
int dns_describe_domain_record_info(struct call *call);
int dns_describe_domain_records(struct call *call);
int dns_describe_sub_domain_records(struct call *call);

/* weights.c */
int dns_set_dnsslb_status(struct call *call);
int dns_update_dnsslb_weight(struct call *call);
int dns_describe_dnsslb_sub_domains(struct call *call);

/* log.c */
int dns_describe_record_logs(struct call *call);
int dns_describe_domain_logs(struct call *call);

/* line.c */
int dns_describe_support_lines(struct call *call);

/* dns.c */
int dns_tag_resources(struct call *call);
int dns_untag_resources(struct call *call);
int dns_list_tag_resources(struct call *call);
int dns_describe_tags(struct call *call);
