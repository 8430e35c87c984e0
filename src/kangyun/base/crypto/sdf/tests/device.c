/* A GM/T 0018 library in software, for tests only: one device, its keys in memory and the same each time.
 *
 * The ciphers are OpenSSL's (libcrypto), by declarations of our own, so that no headers are needed to compile it.
 * KANGYUN_TEST_SDF=no-gcm: a device of 2012. =reboot: each session forgets everything after eight calls.
 * Source: GM/T 0018-2012 and -2023. */

#include <stdlib.h>
#include <string.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct bignum_st BIGNUM;
typedef struct bignum_ctx BN_CTX;
typedef struct ec_group_st EC_GROUP;
typedef struct ec_point_st EC_POINT;

extern const void *EVP_CIPHER_fetch(void *, const char *, const char *), *EVP_sm3(void);
extern EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
extern void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *);
extern int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *, int);
extern int EVP_CipherInit_ex(EVP_CIPHER_CTX *, const void *, void *, const unsigned char *, const unsigned char *, int);
extern int EVP_CipherUpdate(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int);
extern int EVP_CipherFinal_ex(EVP_CIPHER_CTX *, unsigned char *, int *);
extern EVP_MD_CTX *EVP_MD_CTX_new(void);
extern void EVP_MD_CTX_free(EVP_MD_CTX *);
extern int EVP_DigestInit_ex(EVP_MD_CTX *, const void *, void *), EVP_DigestUpdate(EVP_MD_CTX *, const void *, size_t);
extern int EVP_DigestFinal_ex(EVP_MD_CTX *, unsigned char *, unsigned int *), RAND_bytes(unsigned char *, int);
extern BIGNUM *BN_new(void), *BN_bin2bn(const unsigned char *, int, BIGNUM *);
extern BN_CTX *BN_CTX_new(void);
extern int BN_add(BIGNUM *, const BIGNUM *, const BIGNUM *);
extern int BN_mod_add(BIGNUM *, const BIGNUM *, const BIGNUM *, const BIGNUM *, BN_CTX *);
extern int BN_mod_sub(BIGNUM *, const BIGNUM *, const BIGNUM *, const BIGNUM *, BN_CTX *);
extern int BN_mod_mul(BIGNUM *, const BIGNUM *, const BIGNUM *, const BIGNUM *, BN_CTX *);
extern BIGNUM *BN_mod_inverse(BIGNUM *, const BIGNUM *, const BIGNUM *, BN_CTX *);
extern int BN_bn2binpad(const BIGNUM *, unsigned char *, int), BN_cmp(const BIGNUM *, const BIGNUM *);
extern int BN_is_zero(const BIGNUM *), BN_rand_range(BIGNUM *, const BIGNUM *);
extern EC_GROUP *EC_GROUP_new_by_curve_name(int);
extern const BIGNUM *EC_GROUP_get0_order(const EC_GROUP *);
extern EC_POINT *EC_POINT_new(const EC_GROUP *);
extern int EC_POINT_mul(const EC_GROUP *, EC_POINT *, const BIGNUM *, const EC_POINT *, const BIGNUM *, BN_CTX *);
extern int EC_POINT_get_affine_coordinates(const EC_GROUP *, const EC_POINT *, BIGNUM *, BIGNUM *, BN_CTX *);
extern int EC_POINT_set_affine_coordinates(const EC_GROUP *, EC_POINT *, const BIGNUM *, const BIGNUM *, BN_CTX *);
extern int OBJ_txt2nid(const char *);

typedef unsigned char byte;
typedef struct { char maker[40], model[16], serial[16]; unsigned int version, standard, asymmetric[2], symmetric, hash, buffer; } DeviceInfo;
typedef struct { unsigned int bits; byte x[64], y[64]; } PublicKey;
typedef struct { byte r[64], s[64]; } Signature;
typedef struct { EVP_MD_CTX *hash; int right, calls; } Session;
typedef struct { byte value[16]; } Key;

enum { OK = 0, NOT_SUPPORTED = 0x01000002, NO_SESSION = 0x01000006, NO_RIGHT = 0x01000007, NO_KEY = 0x01000008,
       BAD_SIGNATURE = 0x0100000E, BAD_ARGUMENT = 0x0100001D, BAD_ALGORITHM = 0x01000009, BAD_MAC = 0x01000015 };
static const byte KEK[16] = "test device KEK1", SECRET[32] = "test device signing key number 1";
static const char PIN[] = "12345678";

static const char *mode(void) { const char *set = getenv("KANGYUN_TEST_SDF"); return set ? set : ""; }
static int alive(Session *session) { return session && (strcmp(mode(), "reboot") || session->calls++ < 8); }

static int cipher(const char *name, int encrypt, const byte *key, const byte *iv, const byte *in, int size, byte *out) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = 0, last = 0;
    int good = EVP_CipherInit_ex(context, EVP_CIPHER_fetch(NULL, name, NULL), NULL, key, iv, encrypt)
        && EVP_CIPHER_CTX_set_padding(context, 0) && EVP_CipherUpdate(context, out, &done, in, size)
        && EVP_CipherFinal_ex(context, out + done, &last);
    EVP_CIPHER_CTX_free(context);
    return good;
}

/* GCM by the book (NIST SP 800-38D), as not every OpenSSL has it for SM4. */
static void hash_block(byte *sum, const byte *key, const byte *in, unsigned int size) {
    byte product[16] = {0}, power[16];
    for (unsigned int i = 0; i < size; i++) sum[i] ^= in[i];
    memcpy(power, key, 16);
    for (int bit = 0; bit < 128; bit++) {
        if (sum[bit / 8] & (0x80 >> bit % 8)) for (int i = 0; i < 16; i++) product[i] ^= power[i];
        int odd = power[15] & 1;
        for (int i = 15; i > 0; i--) power[i] = (byte)(power[i] >> 1 | power[i - 1] << 7);
        power[0] >>= 1;
        if (odd) power[0] ^= 0xe1;
    }
    memcpy(sum, product, 16);
}
static void hash_all(byte *sum, const byte *key, const byte *in, unsigned int size) {
    for (unsigned int at = 0; at < size; at += 16) hash_block(sum, key, in + at, size - at < 16 ? size - at : 16);
}
static void gcm(const byte *key, const byte *iv, const byte *aad, unsigned int aad_size, const byte *in, unsigned int size,
                byte *out, byte *tag, int encrypt) {
    byte counter[16] = {0}, stream[16], first[16], hash_key[16], sum[16] = {0}, sizes[16] = {0};
    cipher("SM4-ECB", 1, key, NULL, counter, 16, hash_key);
    memcpy(counter, iv, 12);
    counter[15] = 1;
    cipher("SM4-ECB", 1, key, NULL, counter, 16, first);
    hash_all(sum, hash_key, aad, aad_size);
    if (!encrypt) hash_all(sum, hash_key, in, size);
    for (unsigned int i = 0; i < size; i++) {
        if (i % 16 == 0) {
            for (int place = 15; place > 11 && !++counter[place]; place--) {}
            cipher("SM4-ECB", 1, key, NULL, counter, 16, stream);
        }
        out[i] = in[i] ^ stream[i % 16];
    }
    if (encrypt) hash_all(sum, hash_key, out, size);
    for (int i = 0; i < 4; i++) {
        sizes[7 - i] = (byte)((unsigned long)aad_size * 8 >> 8 * i);
        sizes[15 - i] = (byte)((unsigned long)size * 8 >> 8 * i);
    }
    hash_block(sum, hash_key, sizes, 16);
    for (int i = 0; i < 16; i++) tag[i] = sum[i] ^ first[i];
}

int SDF_OpenDevice(void **device) { *device = (void *)1; return OK; }
int SDF_CloseDevice(void *device) { (void)device; return OK; }
int SDF_OpenSession(void *device, void **session) { (void)device; *session = calloc(1, sizeof(Session)); return OK; }
int SDF_CloseSession(void *session) { free(session); return OK; }

int SDF_GetDeviceInfo(void *session, DeviceInfo *info) {
    if (!alive(session)) return NO_SESSION;
    memset(info, 0, sizeof *info);
    strcpy(info->maker, "Kangyun");
    strcpy(info->model, "test device");
    strcpy(info->serial, "0001");
    return OK;
}

int SDF_GenerateRandom(void *session, unsigned int size, byte *out) {
    return !alive(session) ? NO_SESSION : RAND_bytes(out, (int)size) == 1 ? OK : BAD_ARGUMENT;
}

int SDF_HashInit(void *session, unsigned int algorithm, PublicKey *key, byte *id, unsigned int id_size) {
    Session *our = session;
    (void)id;
    if (!alive(our)) return NO_SESSION;
    if (algorithm != 1 || key || id_size) return BAD_ALGORITHM;
    our->hash = EVP_MD_CTX_new();
    return EVP_DigestInit_ex(our->hash, EVP_sm3(), NULL) ? OK : BAD_ALGORITHM;
}
int SDF_HashUpdate(void *session, byte *in, unsigned int size) {
    return EVP_DigestUpdate(((Session *)session)->hash, in, size) ? OK : BAD_ARGUMENT;
}
int SDF_HashFinal(void *session, byte *out, unsigned int *size) {
    Session *our = session;
    int good = EVP_DigestFinal_ex(our->hash, out, size);
    EVP_MD_CTX_free(our->hash);
    return good ? OK : BAD_ARGUMENT;
}

int SDF_GetPrivateKeyAccessRight(void *session, unsigned int index, byte *pin, unsigned int size) {
    if (index != 1) return NO_KEY;
    if (size != strlen(PIN) || memcmp(pin, PIN, size)) return NO_RIGHT;
    ((Session *)session)->right = 1;
    return OK;
}

static EC_GROUP *curve(void) {
    static EC_GROUP *group;
    if (!group) group = EC_GROUP_new_by_curve_name(OBJ_txt2nid("SM2"));
    return group;
}

int SDF_ExportSignPublicKey_ECC(void *session, unsigned int index, PublicKey *key) {
    BN_CTX *context = BN_CTX_new();
    BIGNUM *x = BN_new(), *y = BN_new();
    EC_POINT *point = EC_POINT_new(curve());
    if (!alive(session)) return NO_SESSION;
    if (index != 1) return NO_KEY;
    EC_POINT_mul(curve(), point, BN_bin2bn(SECRET, 32, NULL), NULL, NULL, context);
    EC_POINT_get_affine_coordinates(curve(), point, x, y, context);
    key->bits = 256;
    BN_bn2binpad(x, key->x, 64);
    BN_bn2binpad(y, key->y, 64);
    return OK;
}

int SDF_InternalSign_ECC(void *session, unsigned int index, byte *digest, unsigned int size, Signature *out) {
    const BIGNUM *n = EC_GROUP_get0_order(curve());
    BN_CTX *context = BN_CTX_new();
    BIGNUM *k = BN_new(), *x = BN_new(), *y = BN_new(), *r = BN_new(), *s = BN_new(), *t = BN_new(), *e, *d;
    EC_POINT *point = EC_POINT_new(curve());
    if (!alive(session)) return NO_SESSION;
    if (index != 1 || size != 32) return index != 1 ? NO_KEY : BAD_ARGUMENT;
    if (!((Session *)session)->right) return NO_RIGHT;
    e = BN_bin2bn(digest, 32, NULL);
    d = BN_bin2bn(SECRET, 32, NULL);
    do {
        BN_rand_range(k, n);
        EC_POINT_mul(curve(), point, k, NULL, NULL, context);
        EC_POINT_get_affine_coordinates(curve(), point, x, y, context);
        BN_mod_add(r, e, x, n, context);
        BN_mod_mul(t, r, d, n, context);
        BN_mod_sub(s, k, t, n, context);
        BN_add(t, d, BN_bin2bn((const byte *)"\1", 1, NULL));
        BN_mod_inverse(t, t, n, context);
        BN_mod_mul(s, s, t, n, context);
    } while (BN_is_zero(k) || BN_is_zero(r) || BN_is_zero(s));
    BN_bn2binpad(r, out->r, 64);
    BN_bn2binpad(s, out->s, 64);
    return OK;
}

int SDF_ExternalVerify_ECC(void *session, unsigned int algorithm, PublicKey *key, byte *digest, unsigned int size, Signature *in) {
    const BIGNUM *n = EC_GROUP_get0_order(curve());
    BN_CTX *context = BN_CTX_new();
    BIGNUM *r = BN_bin2bn(in->r, 64, NULL), *s = BN_bin2bn(in->s, 64, NULL), *t = BN_new(), *x = BN_new(), *y = BN_new();
    EC_POINT *point = EC_POINT_new(curve()), *public = EC_POINT_new(curve());
    if (!alive(session)) return NO_SESSION;
    if (algorithm != 0x20200 || size != 32) return BAD_ALGORITHM;
    if (!EC_POINT_set_affine_coordinates(curve(), public, BN_bin2bn(key->x, 64, NULL), BN_bin2bn(key->y, 64, NULL), context))
        return BAD_ARGUMENT;
    if (BN_is_zero(r) || BN_is_zero(s) || BN_cmp(r, n) >= 0 || BN_cmp(s, n) >= 0) return BAD_SIGNATURE;
    BN_mod_add(t, r, s, n, context);
    EC_POINT_mul(curve(), point, s, public, t, context);
    EC_POINT_get_affine_coordinates(curve(), point, x, y, context);
    BN_mod_add(x, x, BN_bin2bn(digest, 32, NULL), n, context);
    return BN_cmp(x, r) ? BAD_SIGNATURE : OK;
}

int SDF_GenerateKeyWithKEK(void *session, unsigned int bits, unsigned int algorithm, unsigned int kek, byte *out,
                           unsigned int *size, void **handle) {
    Key *key = malloc(sizeof *key);
    if (!alive(session)) return NO_SESSION;
    if (kek != 1) return NO_KEY;
    if (bits != 128 || algorithm != 0x401 || *size < 16) return BAD_ARGUMENT;
    RAND_bytes(key->value, 16);
    *size = 16;
    *handle = key;
    return cipher("SM4-ECB", 1, KEK, NULL, key->value, 16, out) ? OK : BAD_ALGORITHM;
}

int SDF_ImportKeyWithKEK(void *session, unsigned int algorithm, unsigned int kek, byte *in, unsigned int size, void **handle) {
    Key *key = malloc(sizeof *key);
    if (!alive(session)) return NO_SESSION;
    if (kek != 1) return NO_KEY;
    if (algorithm != 0x401 || size != 16) return BAD_ARGUMENT;
    *handle = key;
    return cipher("SM4-ECB", 0, KEK, NULL, in, 16, key->value) ? OK : BAD_ALGORITHM;
}

int SDF_DestroyKey(void *session, void *handle) {
    (void)session;
    free(handle);
    return OK;
}

static int blocks(void *session, Key *key, unsigned int algorithm, byte *iv, byte *in, unsigned int size, byte *out,
                  unsigned int *out_size, int encrypt) {
    if (!alive(session)) return NO_SESSION;
    if (algorithm != 0x402 || size % 16 || *out_size < size) return BAD_ARGUMENT;
    *out_size = size;
    return cipher("SM4-CBC", encrypt, key->value, iv, in, (int)size, out) ? OK : BAD_ALGORITHM;
}
int SDF_Encrypt(void *session, void *key, unsigned int algorithm, byte *iv, byte *in, unsigned int size, byte *out, unsigned int *out_size) {
    return blocks(session, key, algorithm, iv, in, size, out, out_size, 1);
}
int SDF_Decrypt(void *session, void *key, unsigned int algorithm, byte *iv, byte *in, unsigned int size, byte *out, unsigned int *out_size) {
    return blocks(session, key, algorithm, iv, in, size, out, out_size, 0);
}

int SDF_AuthEnc(void *session, void *key, unsigned int algorithm, byte *iv, unsigned int iv_size, byte *aad, unsigned int aad_size,
                byte *in, unsigned int size, byte *out, unsigned int *out_size, byte *tag, unsigned int *tag_size) {
    if (!alive(session)) return NO_SESSION;
    if (!strcmp(mode(), "no-gcm") || algorithm != 0x02000400 || iv_size != 12) return NOT_SUPPORTED;
    *out_size = size;
    *tag_size = 16;
    gcm(((Key *)key)->value, iv, aad, aad_size, in, size, out, tag, 1);
    return OK;
}
int SDF_AuthDec(void *session, void *key, unsigned int algorithm, byte *iv, unsigned int iv_size, byte *aad, unsigned int aad_size,
                byte *tag, unsigned int *tag_size, byte *in, unsigned int size, byte *out, unsigned int *out_size) {
    if (!alive(session)) return NO_SESSION;
    byte right[16];
    if (!strcmp(mode(), "no-gcm") || algorithm != 0x02000400 || *tag_size != 16 || iv_size != 12) return NOT_SUPPORTED;
    *out_size = size;
    gcm(((Key *)key)->value, iv, aad, aad_size, in, size, out, right, 0);
    return memcmp(right, tag, 16) ? BAD_MAC : OK;
}
