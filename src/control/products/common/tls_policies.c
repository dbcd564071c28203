/* TLS policies: those that the products bring, and the rules for one's own. */
#include "control/products/common/common.h"

#define NAMES(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

/* Forward secrecy with authenticated encryption; with CBC; without forward secrecy; TLS 1.3. */
#define SUITES_GCM                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", \
        "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"
#define SUITES_CBC                                                                       \
    "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256", \
        "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA",   \
        "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA"
#define SUITES_RSA                                                                            \
    "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256", "AES128-SHA", \
        "AES256-SHA", "DES-CBC3-SHA"
#define SUITES_13                                                                       \
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", \
        "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"

const struct tls_system_policy tls_system_policies[] = {
    {"tls_cipher_policy_1_0", NAMES("TLSv1.0", "TLSv1.1", "TLSv1.2"),
        NAMES(SUITES_GCM, SUITES_CBC, SUITES_RSA)},
    {"tls_cipher_policy_1_1", NAMES("TLSv1.1", "TLSv1.2"),
        NAMES(SUITES_GCM, SUITES_CBC, SUITES_RSA)},
    {"tls_cipher_policy_1_2", NAMES("TLSv1.2"), NAMES(SUITES_GCM, SUITES_CBC, SUITES_RSA)},
    {"tls_cipher_policy_1_2_strict", NAMES("TLSv1.2"), NAMES(SUITES_GCM, SUITES_CBC)},
    {"tls_cipher_policy_1_2_strict_with_1_3", NAMES("TLSv1.2", "TLSv1.3"),
        NAMES(SUITES_GCM, SUITES_CBC, SUITES_13)},
};
const uint32_t tls_n_system_policies = ARRAY_LEN(tls_system_policies);

/* Bits of versions, oldest first. */
static const char *const version_names[] = {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
#define SINCE_10 0x7u /* 1.0 to 1.2 */
#define ONLY_12  0x4u
#define ONLY_13  0x8u

/* Which versions have which suites. */
static const struct {
    unsigned versions;
    const char *const *names;
} suites[] = {
    {ONLY_12, NAMES(SUITES_GCM)},
    {ONLY_12, NAMES("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384",
                  "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "AES128-GCM-SHA256",
                  "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256")},
    {SINCE_10, NAMES("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES128-SHA",
                   "ECDHE-RSA-AES256-SHA", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA")},
    {ONLY_13, NAMES(SUITES_13)},
};

static bool names_have(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

bool tls_is_system_policy(const char *name)
{
    for (uint32_t i = 0; i < tls_n_system_policies; i++) {
        if (strcmp(tls_system_policies[i].name, name) == 0)
            return true;
    }
    return false;
}

static json_t *names_to_json(const char *const *names)
{
    json_t *array = json_array();

    for (; *names; names++)
        (void)json_array_append_new(array, json_string(*names));
    return array;
}

json_t *tls_show_system_policies(
    const char *id_member, const char *versions_member, const char *ciphers_member)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < tls_n_system_policies; i++) {
        const struct tls_system_policy *policy = &tls_system_policies[i];
        json_t *shown = json_object();

        json_put_text(shown, id_member, policy->name);
        json_put(shown, versions_member, names_to_json(policy->versions));
        json_put(shown, ciphers_member, names_to_json(policy->ciphers));
        (void)json_array_append_new(all, shown);
    }
    return all;
}

/* --- own policies ------------------------------------------------------------------------------- */

static unsigned version_bit(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(version_names); i++) {
        if (strcmp(version_names[i], name) == 0)
            return 1u << i;
    }
    return 0;
}

/* 0: no such suite. */
static unsigned suite_versions(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(suites); i++) {
        if (names_have(suites[i].names, name))
            return suites[i].versions;
    }
    return 0;
}

static bool is_repeated(const json_t *array, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (json_equal(json_array_get(array, i), json_array_get(array, at)))
            return true;
    }
    return false;
}

/* The versions' bits; 0 with a sentence in buf. */
static unsigned read_versions(const json_t *versions, char *buf, size_t cap)
{
    unsigned bits = 0;
    const json_t *element;
    size_t i;

    json_array_foreach (versions, i, element) {
        unsigned bit = version_bit(json_string_value(element));

        if (bit == 0 || bits & bit) {
            (void)snprintf(buf, cap, "The TLS version %.40s is %s.", json_string_value(element),
                bit == 0 ? "unknown" : "given twice");
            return 0;
        }
        bits |= bit;
    }
    if (bits == 0)
        (void)snprintf(buf, cap, "The TLS policy needs at least one version.");
    return bits;
}

const char *tls_check_policy(const json_t *versions, const json_t *ciphers, char *buf, size_t cap)
{
    unsigned chosen = read_versions(versions, buf, cap);
    unsigned served = 0;
    const json_t *element;
    size_t i;

    if (chosen == 0)
        return buf;
    json_array_foreach (ciphers, i, element) {
        const char *name = json_string_value(element);
        unsigned known = suite_versions(name);

        if (known == 0 || is_repeated(ciphers, i) || !(known & chosen)) {
            (void)snprintf(buf, cap, "The cipher suite %.60s is %s.", name,
                known == 0                ? "unknown"
                : is_repeated(ciphers, i) ? "given twice"
                                          : "of none of the policy's TLS versions");
            return buf;
        }
        served |= known & chosen;
    }
    for (unsigned i_version = 0; i_version < ARRAY_LEN(version_names); i_version++) {
        if (chosen & ~served & 1u << i_version) {
            (void)snprintf(
                buf, cap, "The TLS policy has no cipher suite for %s.", version_names[i_version]);
            return buf;
        }
    }
    return NULL;
}
