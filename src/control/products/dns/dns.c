/* Product Alidns: which operations there are. */
#include "control/products/dns/dns.h"

/* Resources of tags are named by the domain's name. */
static const struct tag_kind tag_kinds[] = {{"DOMAIN", DNS_DOMAIN}, {NULL, NULL}};

int dns_tag_resources(struct call *call)
{
    return call_tag_resources(call, tag_kinds, "InvalidDomainName.NoExist");
}

int dns_untag_resources(struct call *call)
{
    return call_untag_resources(call, tag_kinds, "InvalidDomainName.NoExist");
}

int dns_list_tag_resources(struct call *call)
{
    return call_list_tag_resources(call, tag_kinds);
}

/* All keys in use, each with all its values. */
int dns_describe_tags(struct call *call)
{
    json_t *by_key = json_object(), *rows = json_array(), *tag, *values;
    struct doc_list list;
    const char *key;
    size_t i;

    txn_list(call->txn, DNS_DOMAIN, &list);
    for (uint32_t at = 0; at < list.n; at++) {
        json_array_foreach (json_object_get(list.docs[at]->body, "Tags"), i, tag) {
            if (!json_has(by_key, json_text(tag, "Key")))
                json_put(by_key, json_text(tag, "Key"), json_array());
            values = json_object_get(by_key, json_text(tag, "Key"));
            if (!json_array_has(by_key, json_text(tag, "Key"), json_text(tag, "Value"), false))
                (void)json_array_append(values, json_object_get(tag, "Value"));
        }
    }
    doc_list_done(&list);
    json_object_foreach (by_key, key, values)
        (void)json_array_append_new(rows, json_pack("{s:s, s:O}", "Key", key, "Values", values));
    json_decref(by_key);
    json_put(call->out, "Tags", rows);
    return call_page_array(call, rows);
}

static const struct call_operation operations[] = {
    {"AddDomain", dns_add_domain},
    {"AddDomainGroup", dns_add_domain_group},
    {"AddDomainRecord", dns_add_domain_record},
    {"ChangeDomainGroup", dns_change_domain_group},
    {"DeleteDomain", dns_delete_domain},
    {"DeleteDomainGroup", dns_delete_domain_group},
    {"DeleteDomainRecord", dns_delete_domain_record},
    {"DeleteSubDomainRecords", dns_delete_sub_domain_records},
    {"DescribeDNSSLBSubDomains", dns_describe_dnsslb_sub_domains},
    {"DescribeDomainGroups", dns_describe_domain_groups},
    {"DescribeDomainInfo", dns_describe_domain_info},
    {"DescribeDomainLogs", dns_describe_domain_logs},
    {"DescribeDomainNs", dns_describe_domain_ns},
    {"DescribeDomainRecordInfo", dns_describe_domain_record_info},
    {"DescribeDomainRecords", dns_describe_domain_records},
    {"DescribeDomains", dns_describe_domains},
    {"DescribeRecordLogs", dns_describe_record_logs},
    {"DescribeSubDomainRecords", dns_describe_sub_domain_records},
    {"DescribeSupportLines", dns_describe_support_lines},
    {"DescribeTags", dns_describe_tags},
    {"GetMainDomainName", dns_get_main_domain_name},
    {"ListTagResources", dns_list_tag_resources},
    {"MoveDomainResourceGroup", dns_move_domain_resource_group},
    {"SetDNSSLBStatus", dns_set_dnsslb_status},
    {"SetDomainRecordStatus", dns_set_domain_record_status},
    {"TagResources", dns_tag_resources},
    {"UntagResources", dns_untag_resources},
    {"UpdateDNSSLBWeight", dns_update_dnsslb_weight},
    {"UpdateDomainGroup", dns_update_domain_group},
    {"UpdateDomainRecord", dns_update_domain_record},
    {"UpdateDomainRecordRemark", dns_update_domain_record_remark},
    {"UpdateDomainRemark", dns_update_domain_remark},
};

const struct product product_alidns = {"Alidns", operations, ARRAY_LEN(operations)};
