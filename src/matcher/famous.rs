//! Credentials that everybody knows: of documentation, standards, emulators and well-known defaults.
//!
//! They are kept as the first eight bytes of their SHA-256, so that this file sets off no scanner; the text beside each
//! says what it is. Whether a value is one of them is all that is told here.

use sha2::{Digest as _, Sha256};

/// What `value` is known as, if it is in the table as a whole.
pub(super) fn famous(value: &[u8]) -> Option<&'static str> {
    let digest = Sha256::digest(value);
    let head = digest.iter().take(8).fold(0, |head: u64, byte| head << 8 | u64::from(*byte));
    FAMOUS.binary_search_by_key(&head, |row| row.0).ok().map(|at| FAMOUS[at].1)
}

/// What the private key in PEM armour is known as: keys that libraries carry to test themselves, and that everybody has.
/// Told by the base64 of the body alone, however its lines are broken or escaped.
pub(super) fn known_key(armour: &[u8]) -> Option<&'static str> {
    let behind = armour.strip_prefix(b"-----BEGIN")?;
    let body = memchr::memmem::find(behind, b"-----")? + 5;
    let end = body + memchr::memmem::find(&behind[body..], b"-----END")?;
    let mut text = Vec::with_capacity(end - body);
    let mut escaped = false;
    for byte in &behind[body..end] {
        // A line break may stand there as `\n`.
        if !std::mem::replace(&mut escaped, *byte == b'\\')
            && (byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        {
            text.push(*byte);
        }
    }
    famous(&text)
}

/// Sorted by the hash.
const FAMOUS: &[(u64, &str)] = &[
    (0x0011_cc25_eb43_2071, "Azure storage emulator"),
    (0x00cf_4c78_1dc3_7003, "RFC 6749: refresh token"),
    (0x03b9_70ed_8171_d73b, "reCAPTCHA test site key"),
    (0x03f9_beb6_43b1_913d, "Postmark documentation"),
    (0x07e2_3ede_2756_aa3f, "SHA-1 of the empty text"),
    (0x0951_01cf_732c_298a, "Hardhat and Anvil, account 1"),
    (0x099d_a475_a54a_acba, "RFC 8032 test 1"),
    (0x0abc_e0c5_fd3b_863e, "self-test key of GnuTLS"),
    (0x0b5d_d075_ccdd_03c4, "Telegram Bot API"),
    (0x0d28_7772_dfce_d309, "SHA-1 of password"),
    (0x0e9d_2206_16f0_8345, "base64 of user and pass"),
    (0x0fff_9ee6_71b0_5ea2, "hCaptcha test secret"),
    (0x1134_59eb_7bb3_1bdd, "SHA-256 of password"),
    (0x12d8_d9ea_56a1_acfb, "base64 of admin and admin"),
    (0x131a_6c00_534c_e4fa, "documentation of requests-oauthlib"),
    (0x1686_0182_7c50_b370, "SHA-1 of test"),
    (0x1a5d_44a2_dca1_9669, "AWS documentation: key id"),
    (0x1bbb_9293_c38a_cc5e, "MinIO playground"),
    (0x1c3d_6188_abe6_00bc, "SQL Server documentation"),
    (0x23e9_efa3_ced6_e70c, "Binance documentation: secret"),
    (0x24a2_416c_5abb_b673, "self-test key of GnuTLS"),
    (0x2597_a7ca_f656_e89e, "Prisma documentation"),
    (0x2932_57ab_6495_ebb1, "RFC 5849: consumer key"),
    (0x2caf_c097_0149_a84f, "Stripe documentation"),
    (0x2ef2_503d_964e_9668, "FIPS 197 test vector"),
    (0x2ff8_b0fb_93ac_a981, "RFC 5849: token"),
    (0x30a5_154b_77ab_8b2d, "RFC 4122"),
    (0x30db_3ea6_d728_b88c, "self-test key of GnuTLS"),
    (0x31a4_24b9_59f1_681a, "Sidekiq documentation"),
    (0x333b_af9e_a0e4_36ad, "bytes 0 to 15"),
    (0x3543_c50b_0cb9_cea8, "GitHub documentation"),
    (0x3f2c_d8e5_7b09_6fe7, "MD5 of password"),
    (0x4247_42fc_6538_f5e7, "Ganache, deterministic account 0"),
    (0x456a_51b1_f1b3_cf3e, "Google Cloud SDK, public client"),
    (0x465c_194a_fb65_670f, "MD5 of admin"),
    (0x4c20_e6f5_cc11_b937, "RFC 5849: temporary token"),
    (0x4d3e_46ee_c824_4d1d, "Hardhat and Anvil, account 4, without 0x"),
    (0x518a_21fe_5a8a_54f8, "self-test key of GnuTLS"),
    (0x519e_3ece_10ca_70b6, "Symfony"),
    (0x52bb_ea75_ee75_a6f1, "MD5 of test"),
    (0x53f5_da0a_aa93_d64c, "RFC 6749: client secret"),
    (0x549c_9390_539e_fcfa, "RFC 6238"),
    (0x55c3_2d83_9cca_119d, "AWS documentation: session token"),
    (0x584b_27d6_4ebc_1b33, "RFC 6749: client, encoded"),
    (0x5895_b89c_8fb3_3402, "Stripe documentation, older publishable"),
    (0x5ba1_ed84_25ba_aa72, "Binance documentation: key"),
    (0x5de2_2089_c247_b9b2, "Hardhat and Anvil, account 4"),
    (0x60a0_9e43_5786_8c1e, "Hardhat and Anvil, account 0"),
    (0x6377_4f6f_a0c8_3e7e, "documentation of Jetty"),
    (0x6403_4b44_c579_b335, "Hardhat and Anvil, account 3, without 0x"),
    (0x649e_1f5c_769e_718b, "RFC 5849: token secret"),
    (0x6826_f773_9f38_9525, "SQL Server documentation"),
    (0x6a81_b242_9c0b_a421, "documentation of kubectl"),
    (0x6aa1_4267_d949_44e6, "RFC 5849: temporary secret"),
    (0x6adb_fd17_8516_c8ef, "Slack documentation: signing secret"),
    (0x6c96_130f_130a_b0d6, "RFC 6749: access token"),
    (0x6d03_bbf4_7115_fad0, "self-test key of GnuTLS"),
    (0x731f_a294_d036_e54f, "Telegram Bot API"),
    (0x73f7_1af0_93fd_f154, "RFC 7617, without the space"),
    (0x7831_4b11_be2e_5815, "AWS documentation: secret key"),
    (0x7949_8a1f_0067_4029, "OpenID Connect Registration: access token"),
    (0x7b3d_979c_a833_0a94, "SHA-256 of test"),
    (0x7f39_f457_6795_8338, "a UUID of documentation"),
    (0x7f75_367e_7881_2551, "jwt.io"),
    (0x80f8_b7c9_04d4_a43f, "RFC 5849: consumer key"),
    (0x8335_c553_3482_1eef, "Hardhat and Anvil, account 1, without 0x"),
    (0x837e_8e63_6d45_2b61, "SP 800-38A test vector"),
    (0x8b1b_17a9_740c_068a, "RFC 7515, A.1"),
    (0x8be5_d113_c087_1ce1, "TOTP samples"),
    (0x8dbc_f2bb_0536_2335, "SQL Server documentation"),
    (0x8f40_0c25_7611_ed5d, "UUID of documentation"),
    (0x905f_28de_f18e_aac0, "bytes 0 to 31"),
    (0x9221_2b05_a8b8_f6bb, "OpenID Connect Registration: client secret"),
    (0x976b_57ee_8acd_fcf4, "GitHub's note on token formats"),
    (0x986c_0dc9_56dc_822b, "UUID of documentation"),
    (0x998e_d4d6_2174_2d0c, "SHA-256 of admin"),
    (0x9ab6_db67_523b_a607, "self-test key of GnuTLS"),
    (0x9bd1_f158_ca1a_1b30, "Mailgun documentation"),
    (0x9c84_6fdf_0fa8_955c, "Mailgun documentation"),
    (0x9d03_b692_e941_d5ac, "RFC 5849: token"),
    (0x9d6a_2b9d_1f01_d457, "wiki page on WIF"),
    (0x9e30_9ccc_d311_ea64, "OpenID Connect Core: refresh token"),
    (0x9fdb_2e15_9e0f_26a9, "base64 of test and test"),
    (0xa35b_81a7_d792_7b70, "RFC 6749: code"),
    (0xa3a9_e1ed_9732_cab2, "UUID of documentation"),
    (0xa4b8_b245_ab28_bc4f, "kubeadm documentation"),
    (0xaa65_4743_9583_c3a2, "Azure Cosmos emulator"),
    (0xad71_fb41_6553_6675, "OpenID Connect Core: access token"),
    (0xb147_1f54_4cee_ea31, "Stripe documentation, publishable"),
    (0xb26a_b652_9d20_ebeb, "Hardhat and Anvil, account 2, without 0x"),
    (0xb55c_3eb0_8713_2236, "documentation of requests-oauthlib"),
    (0xb5a0_4226_bda8_fc65, "SHA-1 of admin"),
    (0xb8e1_4854_5b13_c78b, "RFC 6750"),
    (0xbb49_78fb_e763_8de8, "Hardhat and Anvil, account 2"),
    (0xbb9b_1163_338b_2a51, "RFC 5849: token"),
    (0xbc1a_5096_6c9e_6486, "Hardhat and Anvil, account 0, without 0x"),
    (0xbc3a_e723_f57c_6b9e, "GitHub documentation"),
    (0xbdfe_aef4_4475_711c, "base64 of user and password"),
    (0xbf55_2d2f_f30b_20f0, "self-test key of GnuTLS"),
    (0xc557_eec8_78df_d852, "BIP 39 test vector"),
    (0xc6ea_27c5_34f9_93d3, "AWS documentation: second key id"),
    (0xc780_c483_da21_d367, "self-test key of GnuTLS"),
    (0xca74_59e2_b267_76de, "RFC 6749: client, encoded"),
    (0xcadf_1e62_661d_5d21, "self-test key of GnuTLS"),
    (0xcb20_d34a_7add_a2f5, "AWS documentation: temporary key id"),
    (0xcb87_c87e_4a13_8d9a, "RFC 5849: consumer secret"),
    (0xcbe6_beb2_6479_b568, "a well-known drawing"),
    (0xcd37_2fb8_5148_700f, "SHA-256 of the empty text"),
    (0xcf4d_418e_d3de_92d7, "RFC 7617"),
    (0xd65d_f89f_702e_ec58, "FIPS 197 test vector"),
    (0xda1b_dd7b_7349_0f4e, "RFC 5849: token"),
    (0xdf45_2eef_23e8_cf2c, "MinIO playground"),
    (0xe21b_597b_a6b9_cafa, "AWS documentation: second secret key"),
    (0xe585_5ff4_8799_c52c, "RFC 4122"),
    (0xe997_4c50_7d2a_8021, "RFC 6749: client secret"),
    (0xea1c_a3e2_5b35_a51e, "WireGuard documentation"),
    (0xee0f_cbd6_b7e5_f26e, "test key of Tornado"),
    (0xf023_2219_7a19_6ceb, "Hardhat and Anvil, account 3"),
    (0xf038_6f9b_e1fe_905f, "Google Cloud SDK, public client"),
    (0xf215_faf9_d88b_7f0a, "MD5 of the empty text"),
    (0xf287_c70b_1db0_74fe, "self-test key of GnuTLS"),
    (0xf2d6_ca16_5150_33e5, "Stripe documentation, older"),
    (0xf3c3_964c_a854_e172, "Grafana default secret_key"),
    (0xf5c3_8873_4d28_087b, "Slack documentation: webhook"),
    (0xf5e9_5c99_5463_5b65, "reCAPTCHA test secret"),
    (0xf79c_d64f_9cea_2378, "Hardhat and Anvil, mnemonic"),
    (0xf7e7_8961_82dc_de5d, "Algolia demo"),
    (0xfb8f_3512_9df8_7662, "Turnstile test secret"),
    (0xfe97_4493_52b1_d67c, "base64 of foo and bar"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(FAMOUS.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn documented_samples_are_known() {
        assert!(famous(format!("AKIAIOSFODNN7{}", "EXAMPLE").as_bytes()).is_some());
        assert!(famous(format!("AKIAIOSFODNN8{}", "EXAMPLE").as_bytes()).is_none());
        assert_eq!(famous(b"000102030405060708090a0b0c0d0e0f"), Some("FIPS 197 test vector"));
    }

    #[test]
    fn a_key_is_known_however_its_lines_are_broken() {
        let body = "0001020304050607\n08090a0b0c0d0e0f";
        for body in
            [body.to_owned(), body.replace('\n', "\\n"), body.replace('\n', "\r\n"), body.replace('\n', "")]
        {
            let armour = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
            assert!(known_key(armour.as_bytes()).is_some(), "{armour}");
            assert!(known_key(armour.replace('8', "9").as_bytes()).is_none());
        }
        assert!(known_key(b"-----BEGIN").is_none() && known_key(b"").is_none());
    }
}
