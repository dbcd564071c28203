/* Certificates that users upload: read, checked, stored with their keys sealed.
 *
 * One kind of document, cas.certificate, serves all products: Slb uploads into it directly, Alb and
 * Nlb refer to what Cas took in. A private key is sealed (libsodium secretbox) with the node's own
 * key, STATE_DIR/node-key, before it reaches a document; it is in no answer and no log. The control
 * process's main thread.
 *
 * Members of a document: CertificateId, Name, CertificateType "server" or "ca", Certificate (PEM,
 * leaf first), KeySealed (base64; servers only), Fingerprint (SHA-1 of the leaf, lower-case hex
 * pairs with colons), Sha2 (SHA-256, plain hex), CommonName, SubjectAlternativeNames[], Issuer,
 * Organization, Country, Province, City, Serial, Algorithm ("RSA_2048", "ECC_P256"),
 * SignatureAlgorithm, NotBefore and NotAfter (ms since 1970), CreatedMs, Origin "slb" or "cas",
 * Chain[] {CommonName, IssuerCommonName, NotBefore, NotAfter}.
 */
#pragma once

#include "control/call.h"
#include "control/products/cas/cert_read.h"

struct certs_upload {
    const char *id;   /* of the document; NULL: "cert-" and 20 characters are made */
    const char *name; /* NULL: the document's id */
    struct span cert; /* PEM */
    struct span key;  /* PEM; empty for a CA */
    bool is_ca;
    const char *origin; /* "slb", "cas" */
};

/* Reads, checks (cert_read.h), seals and adds a certificate, inside the call's transaction.
 * codes: the product's error code for each fault, indexed by enum cert_fault (NULL:
 * InvalidParameter). 0 and the new body (borrowed, to which the caller may json_put what is its
 * own: Tags, RegionId ...), or call_fail's. */
int certs_add(struct call *call, const struct certs_upload *upload,
    const char *const codes[CERT_FAULTS], json_t **ret_body) MUST_CHECK;

/* The certificate that an id names: as documents have it, or the number alone that Cas gave
 * ("12345678" for "12345678-cn-hangzhou"). Store the found document's id. NULL: there is none. */
const struct doc *certs_find(struct txn *txn, const struct node_conf *node, const char *id);
bool certs_is_ca(const struct doc *doc);

/* --- keys ------------------------------------------------------------------------------------ */

/* Seals text with the node key, which is made (0600) at first use. *ret_sealed: base64, freed by
 * the caller. 0, or -errno of reading or making the node key; -EINVAL: the file is not one. */
int certs_seal(const char *state_dir, struct span text, char **ret_sealed) MUST_CHECK;
/* The private key of a certificate's body, as PEM. Ends with certs_key_free. -ENOENT: it has
 * none (a CA); -EBADMSG: sealed with another node's key, or damaged; else as certs_seal. */
int certs_open_key(const char *state_dir, const json_t *body, char **ret_pem) MUST_CHECK;
/* Wipes it before it goes. NULL accepted. Returns NULL. */
char *certs_key_free(char *pem);
