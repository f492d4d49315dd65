/* Drives libsrtp2 for the differential tests and benchmarks.
 *
 *   libsrtp PROFILE KEYHEX WINDOW          frames on stdin, answers on stdout
 *   libsrtp PROFILE KEYHEX WINDOW bench N  prints "protect NS unprotect NS" per 172-octet packet
 *
 * A frame is an operation octet (P protect, U unprotect, p and u the same for RTCP), a 16-bit length and a packet;
 * an answer is a status octet (srtp_err_status_t), a 16-bit length and a packet.
 */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void suite(const char *name, srtp_policy_t *p)
{
    if (!strcmp(name, "AES_CM_128_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtcp);
    } else if (!strcmp(name, "AES_CM_128_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtcp);
    } else if (!strcmp(name, "AES_192_CM_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80(&p->rtp);
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80(&p->rtcp);
    } else if (!strcmp(name, "AES_192_CM_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32(&p->rtp);
        srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80(&p->rtcp);
    } else if (!strcmp(name, "AES_256_CM_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtcp);
    } else if (!strcmp(name, "AES_256_CM_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&p->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtcp);
    } else if (!strcmp(name, "AEAD_AES_128_GCM")) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtcp);
    } else if (!strcmp(name, "AEAD_AES_256_GCM")) {
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtcp);
    } else {
        exit(2);
    }
}

static srtp_t session(const char *name, const char *keyhex, unsigned long window, int type)
{
    static unsigned char key[64];
    srtp_policy_t policy;
    srtp_t ctx;
    memset(&policy, 0, sizeof policy);
    for (size_t i = 0; i < sizeof key && keyhex[2 * i]; i++) {
        unsigned value;
        if (sscanf(keyhex + 2 * i, "%2x", &value) != 1)
            exit(2);
        key[i] = (unsigned char)value;
    }
    suite(name, &policy);
    policy.ssrc.type = type;
    policy.key = key;
    policy.window_size = window;
    if (srtp_create(&ctx, &policy) != srtp_err_status_ok)
        exit(3); /* this build of libsrtp lacks the suite */
    return ctx;
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void bench(srtp_t out, srtp_t in, long count)
{
    unsigned char *packets = malloc((size_t)count * 256);
    int len;
    double start, protect, unprotect;
    if (!packets)
        exit(4);
    for (long i = 0; i < count; i++) {
        unsigned char *p = packets + i * 256;
        memset(p, 0x5A, 172);
        p[0] = 0x80;
        p[1] = 0;
        p[2] = (unsigned char)(i >> 8);
        p[3] = (unsigned char)i;
        memset(p + 8, 7, 4);
    }
    start = cpu_ns();
    for (long i = 0; i < count; i++) {
        len = 172;
        if (srtp_protect(out, packets + i * 256, &len))
            exit(5);
    }
    protect = cpu_ns() - start;
    start = cpu_ns();
    for (long i = 0; i < count; i++) {
        int whole = len;
        if (srtp_unprotect(in, packets + i * 256, &whole))
            exit(6);
    }
    unprotect = cpu_ns() - start;
    printf("protect %.1f unprotect %.1f\n", protect / count, unprotect / count);
}

int main(int argc, char **argv)
{
    static unsigned char head[3];
    static unsigned long long aligned[512];
    unsigned char *packet = (unsigned char *)aligned;
    srtp_t out, in;
    if (argc < 4 || srtp_init() != srtp_err_status_ok)
        return 2;
    out = session(argv[1], argv[2], strtoul(argv[3], NULL, 10), ssrc_any_outbound);
    in = session(argv[1], argv[2], strtoul(argv[3], NULL, 10), ssrc_any_inbound);
    if (argc == 6) {
        bench(out, in, strtol(argv[5], NULL, 10));
        return 0;
    }
    while (fread(head, 1, 3, stdin) == 3) {
        int len = head[1] << 8 | head[2];
        int status;
        if (len > 2048 || fread(packet, 1, (size_t)len, stdin) != (size_t)len)
            return 4;
        switch (head[0]) {
        case 'P': status = srtp_protect(out, packet, &len); break;
        case 'U': status = srtp_unprotect(in, packet, &len); break;
        case 'p': status = srtp_protect_rtcp(out, packet, &len); break;
        case 'u': status = srtp_unprotect_rtcp(in, packet, &len); break;
        default: return 4;
        }
        if (status)
            len = 0;
        head[0] = (unsigned char)status;
        head[1] = (unsigned char)(len >> 8);
        head[2] = (unsigned char)len;
        fwrite(head, 1, 3, stdout);
        fwrite(packet, 1, (size_t)len, stdout);
    }
    return 0;
}
