/* What listeners of all products refer to: certificates, access lists, TLS policies, security groups. */
#include "control/compile/compile_inner.h"

/* The key stays sealed with the node's key, as the document has it. */
void compile_certificate(struct compile *compile, const struct doc *certificate)
{
    const json_t *body = certificate->body;
    bool is_ca = json_text_is(body, "CertificateType", "ca");
    json_t *json = json_object();

    part_text(json, "chain", json_text(body, "Certificate"));
    part_text(json, "sealed_key", json_text(body, "KeySealed"));
    compile_emit(
        compile, is_ca ? "client_ca" : "certificate", certificate->id, certificate->id, json);
}

/* Without entries a list has no effect, whether it allows or denies. */
void compile_acl(struct compile *compile, const struct doc *acl)
{
    bool is_alb = json_has(acl->body, "AclEntries");
    const json_t *entries = json_object_get(acl->body, is_alb ? "AclEntries" : "AclEntrys");
    json_t *list = json_array(), *entry;
    size_t i;

    json_array_foreach (entries, i, entry) {
        const char *range = json_text(entry, is_alb ? "Entry" : "AclEntryIP");

        if (range)
            (void)json_array_append_new(list, json_string(range));
    }
    compile_emit(compile, "access_list", acl->id, acl->id, json_pack("{s:o}", "entries", list));
}

void compile_tls_policy(struct compile *compile, const struct doc *policy)
{
    const json_t *body = policy->body;
    const char *versions = json_has(body, "TlsVersions") ? "TlsVersions" : "TLSVersions";
    json_t *json = json_object();

    part_ids(json, "versions", json_object_get(body, versions));
    part_ids(json, "ciphers", json_object_get(body, "Ciphers"));
    compile_emit(compile, "tls_policy", policy->id, policy->id, json);
}

void compile_security_group(struct compile *compile, const struct doc *group)
{
    const json_t *rules = json_object_get(group->body, "Rules");
    json_t *json = json_object();

    if (json_array_size(rules) > 0)
        json_put(json, "rules", json_deep_copy(rules));
    compile_emit(compile, "security_group", group->id, group->id, json);
}
