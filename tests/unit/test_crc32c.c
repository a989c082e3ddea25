#include "tests/unit/harness.h"

#include "core/wire/crc32c.h"

/* RFC 3720 B.4's examples, and the CPU's answer against the table's at every length. */
static void checksum(void **state)
{
        (void)state;
        uint8_t zeros[32] = { 0 }, ones[32], up[32];
        memset(ones, 0xFF, sizeof ones);
        for (uint8_t i = 0; i < sizeof up; i++)
                up[i] = i;
        assert_int_equal(crc32c(bytes_of(zeros, 32)), 0x8A9136AA);
        assert_int_equal(crc32c(bytes_of(ones, 32)), 0x62A8AB43);
        assert_int_equal(crc32c(bytes_of(up, 32)), 0x46DD794E);
        assert_int_equal(crc32c(bytes_text("123456789")), 0xE3069283);
        for (size_t n = 0; n <= 32; n++)
                assert_int_equal(crc32c(bytes_of(up, n)), crc32c_table(bytes_of(up, n)));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(checksum) };
        return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
