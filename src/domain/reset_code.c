/*
 * reset_code.c - see reset_code.h.
 */
#include "domain/reset_code.h"

#include <string.h>

#include "base/utf16.h"
#include "crypto/hash.h"

#define RANDOM  17 /* symbols; then those of the end and the halves, then the check digits */
#define DATA    20
#define CHECK   5
#define UNIT    (10 * NT_TIME_MINUTE)
#define RING    8192 /* of units */
#define SKEW    NT_TIME_HOUR
#define FIELD   0x25 /* x^5 + x^2 + 1, primitive over GF(2): its root 2 generates GF(32) */
#define ELEMENT 2

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void nt_reset_code_wipe(struct nt_reset_code *code)
{
    nt_wipe(code, sizeof *code);
}

/* --- the check digits --- */

static uint8_t multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    for (unsigned bit = 0; bit < 5; bit++)
        product ^= ((unsigned)b >> bit & 1u) != 0 ? (unsigned)a << bit : 0;
    for (unsigned bit = 8; bit >= 5; bit--)
        product ^= (product >> bit & 1u) != 0 ? (unsigned)FIELD << (bit - 5) : 0;
    return (uint8_t)product;
}

/* The product of (x - 2^j), j from 1 to 5, without its leading 1: the highest power first. Five
 * consecutive powers among its roots make the distance at least six. */
static void generator(uint8_t g[CHECK])
{
    uint8_t low_first[CHECK + 1] = { 1 }, root = 1;
    for (size_t degree = 0; degree < CHECK; degree++) {
        root = multiply(root, ELEMENT);
        for (size_t i = degree + 1; i > 0; i--)
            low_first[i] = low_first[i - 1] ^ multiply(low_first[i], root);
        low_first[0] = multiply(low_first[0], root);
    }
    for (size_t i = 0; i < CHECK; i++)
        g[i] = low_first[CHECK - 1 - i];
}

/* The remainder of the data, shifted by the check digits' places, by the generator. */
static void divide(const uint8_t data[DATA], uint8_t rest[CHECK])
{
    uint8_t g[CHECK];
    generator(g);
    memset(rest, 0, CHECK);
    for (size_t i = 0; i < DATA; i++) {
        uint8_t feedback = data[i] ^ rest[0];
        for (size_t k = 0; k < CHECK; k++)
            rest[k] = (k + 1 < CHECK ? rest[k + 1] : 0) ^ multiply(feedback, g[k]);
    }
}

/* Five symbols that stand for the two names, in their order. */
static void name_symbols(const struct nt_reset_pair *pair, uint8_t out[CHECK])
{
    static const char label[] = "ntrust reset code 1";
    uint8_t digest[32];
    struct nt_arena arena;
    nt_arena_init(&arena, 1024);
    const char *maker = nt_name_fold(&arena, pair->maker);
    const char *taker = nt_name_fold(&arena, pair->taker);
    maker = maker != NULL ? maker : pair->maker;
    taker = taker != NULL ? taker : pair->taker;
    nt_sha256(NT_PARTS({ label, sizeof label }, { maker, strlen(maker) + 1 },
                       { taker, strlen(taker) + 1 }),
              digest);
    nt_arena_free(&arena);
    for (size_t i = 0; i < CHECK; i++)
        out[i] = digest[i] & 31;
}

uint32_t nt_reset_code_remainder(const struct nt_reset_code *code, const struct nt_reset_pair *pair)
{
    uint8_t rest[CHECK], names[CHECK];
    uint32_t out = 0;
    divide(code->symbol, rest);
    name_symbols(pair, names);
    for (size_t i = 0; i < CHECK; i++)
        out = out << 5 | (uint32_t)(rest[i] ^ names[i] ^ code->symbol[DATA + i]);
    nt_wipe(rest, sizeof rest);
    return out;
}

bool nt_reset_code_fits(const struct nt_reset_code *code, const struct nt_reset_pair *pair)
{
    return nt_reset_code_remainder(code, pair) == 0;
}

static void exchange(struct nt_reset_code *code, size_t i)
{
    uint8_t first = code->symbol[i];
    code->symbol[i] = code->symbol[i + 1];
    code->symbol[i + 1] = first;
}

unsigned nt_reset_code_suspect(const struct nt_reset_code *code, const struct nt_reset_pair *pair)
{
    NT_SCOPED_RESET_CODE other = *code;
    for (size_t i = 0; i < NT_RESET_CODE_SYMBOLS; i++) {
        unsigned group = (unsigned)(i / NT_RESET_CODE_GROUP + 1);
        for (uint8_t by = 1; by < 32; by++) {
            other.symbol[i] = code->symbol[i] ^ by;
            if (nt_reset_code_fits(&other, pair))
                return group;
        }
        other.symbol[i] = code->symbol[i];
        if (i + 1 == NT_RESET_CODE_SYMBOLS)
            break;
        exchange(&other, i);
        if (nt_reset_code_fits(&other, pair))
            return group;
        exchange(&other, i);
    }
    return 0;
}

/* --- making and reading --- */

void nt_reset_code_make(const struct nt_env *env, const struct nt_reset_pair *pair,
                        enum nt_reset_ends ends, uint64_t life_s, struct nt_reset_code *code)
{
    nt_time until = (nt_now(env) + life_s * NT_TIME_SECOND + UNIT - 1) / UNIT % RING;
    unsigned says = (unsigned)until << 2 | (unsigned)ends;
    uint32_t rest;
    nt_random(env, code->symbol, RANDOM);
    for (size_t i = 0; i < RANDOM; i++)
        code->symbol[i] &= 31;
    for (size_t i = RANDOM; i < DATA; i++)
        code->symbol[i] = says >> 5 * (DATA - 1 - i) & 31;
    memset(code->symbol + DATA, 0, CHECK);
    rest = nt_reset_code_remainder(code, pair);
    for (size_t i = 0; i < CHECK; i++)
        code->symbol[DATA + i] = rest >> 5 * (CHECK - 1 - i) & 31;
}

/* -1: no code has this character. */
static int value_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

enum nt_reset_read nt_reset_code_read(const char *text, struct nt_reset_code *code, size_t *at)
{
    *at = 0;
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == ' ' || *text == '\t')
            continue;
        int value = value_of(*text);
        if (value < 0)
            return NT_RESET_CHARACTER;
        if (*at < NT_RESET_CODE_SYMBOLS)
            code->symbol[*at] = (uint8_t)value;
        ++*at;
    }
    return *at == NT_RESET_CODE_SYMBOLS ? NT_RESET_READ : NT_RESET_LENGTH;
}

void nt_reset_code_text(const struct nt_reset_code *code, char text[NT_RESET_CODE_TEXT])
{
    char *p = text;
    for (size_t i = 0; i < NT_RESET_CODE_SYMBOLS; i++) {
        if (i > 0 && i % NT_RESET_CODE_GROUP == 0)
            *p++ = '-';
        *p++ = alphabet[code->symbol[i] & 31];
    }
    *p = '\0';
}

/* --- what it says --- */

static unsigned said(const struct nt_reset_code *code)
{
    unsigned says = 0;
    for (size_t i = RANDOM; i < DATA; i++)
        says = says << 5 | code->symbol[i];
    return says;
}

nt_time nt_reset_code_until(const struct nt_reset_code *code, nt_time now)
{
    uint64_t units = now / UNIT;
    uint64_t ahead = ((said(code) >> 2) + RING - units % RING) % RING;
    return ahead < RING / 2 ? (units + ahead) * UNIT : (units + ahead - RING) * UNIT;
}

bool nt_reset_code_expired(const struct nt_reset_code *code, nt_time now)
{
    nt_time until = nt_reset_code_until(code, now);
    nt_time most = NT_RESET_CODE_LIFE_MOST * NT_TIME_SECOND + UNIT + SKEW;
    return until <= now || until - now > most;
}

enum nt_reset_ends nt_reset_code_ends(const struct nt_reset_code *code)
{
    return (enum nt_reset_ends)(said(code) & 3);
}

void nt_reset_code_mark(const struct nt_reset_code *code, uint8_t mark[NT_CODE_MARK])
{
    static const char label[] = "ntrust reset code mark";
    uint8_t digest[32];
    nt_sha256(NT_PARTS({ label, sizeof label }, { code->symbol, sizeof code->symbol }), digest);
    memcpy(mark, digest, NT_CODE_MARK);
    nt_wipe(digest, sizeof digest);
}

void nt_reset_code_password(const struct nt_reset_code *code, struct nt_password *password)
{
    char text[NT_RESET_CODE_TEXT];
    nt_reset_code_text(code, text);
    (void)nt_password_from_utf8(password, text);
    nt_wipe(text, sizeof text);
}
