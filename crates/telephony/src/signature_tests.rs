//! Signatures of Twilio's own making, and what comes near them.
//!
//! All were made with `RequestValidator(token).compute_signature(url, parameters)` of PyPI `twilio`
//! 9.13.0, which shares nothing with this crate. The first is also the example in Twilio's
//! documentation of the method, and the one with many values is in that library's own tests.

use super::*;

const TOKEN: &str = "a2f1c09e5b7d4e6f8091a2b3c4d5e6f7";
const STREAM: &str = "wss://phone.example/v1/twilio";

fn verifier(token: &str) -> Verifier {
    Verifier::new(&SecretString::from(token))
}

fn form(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    parameters.iter().map(owned).collect()
}

#[test]
fn the_documented_example_is_taken() {
    let url = "https://example.com/myapp.php?foo=1&bar=2";
    let mut parameters = form(&[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ]);
    let signature = "L/OH5YylLD5NRKLltdqwSvS0BnU=";
    for _ in 0..parameters.len() {
        parameters.rotate_left(1);
        assert_eq!(
            verifier("12345").webhook(url, &parameters, signature),
            Ok(())
        );
    }
    assert_eq!(
        verifier("12346").webhook(url, &parameters, signature),
        Err(Forged)
    );
    assert_eq!(
        verifier("12345").webhook(&url.replace("bar=2", "bar=3"), &parameters, signature),
        Err(Forged)
    );
    parameters[0].1.push('0');
    assert_eq!(
        verifier("12345").webhook(url, &parameters, signature),
        Err(Forged)
    );
}

#[test]
fn a_name_with_many_values_is_signed_with_each_of_them_once() {
    let parameters = form(&[
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ]);
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let signature = "IK+Dwps556ElfBT0I3Rgjkr1wJU=";
    assert_eq!(
        verifier("12345").webhook(url, &parameters, signature),
        Ok(())
    );
}

#[test]
fn a_webhook_counts_with_its_port_and_without() {
    let parameters = form(&[
        ("CallSid", "CA0123456789abcdef0123456789abcdef"),
        ("CallerName", "Jörg & Söhne"),
        ("From", "+4930123456"),
        ("Empty", ""),
    ]);
    let plain = "https://phone.example/v1/twilio/voice?agent=front%20desk";
    let with_port = "https://phone.example:443/v1/twilio/voice?agent=front%20desk";
    for url in [plain, with_port] {
        for signature in [
            "zIhWChfPrN4xyoxatyu0Ll3k3+c=",
            "erebdgT7BolaUWF2HYeodbyTep8=",
        ] {
            let answer = verifier(TOKEN).webhook(url, &parameters, signature);
            assert_eq!(answer, Ok(()), "{url} {signature}");
        }
    }
    let slash = plain.replace("voice?", "voice/?");
    let signature = "zIhWChfPrN4xyoxatyu0Ll3k3+c=";
    assert_eq!(
        verifier(TOKEN).webhook(&slash, &parameters, signature),
        Err(Forged)
    );
}

#[test]
fn a_stream_counts_in_each_of_its_spellings() {
    for configured in [
        STREAM,
        "wss://phone.example/v1/twilio/",
        "https://phone.example/v1/twilio",
        "wss://phone.example:443/v1/twilio",
    ] {
        for (spelling, signature) in [
            ("wss", "/0LLp8zV7MybJAsUW0WHlYSOfho="),
            ("https", "lJQe8+qEMjKVkZNvOJR+8OJ2H3g="),
            ("wss and a slash", "mtR28ixsVdpAF58cca5ukYDD/JU="),
            ("https and a slash", "8K8rizoWoIEmsnXoVfh6gnnk9Oc="),
        ] {
            let answer = verifier(TOKEN).stream(configured, signature);
            assert_eq!(answer, Ok(()), "{spelling} for {configured}");
        }
    }
    let with_port = "Q7GEWtMgpIrTu43FlZgMfsrtajE=";
    assert_eq!(verifier(TOKEN).stream(STREAM, with_port), Ok(()));
}

#[test]
fn a_stream_elsewhere_does_not_count() {
    for (other, signature) in [
        ("another port", "wYQh6DF5TCadP9MiQPbrrrfb9+U="),
        ("another path", "iz2pYwH6vkgquM/05BB6rmuir8Y="),
        ("without TLS", "3kgNOW8pDOLYndq/xvtbOnNOjc4="),
    ] {
        let answer = verifier(TOKEN).stream(STREAM, signature);
        assert_eq!(answer, Err(Forged), "{other}");
    }
    let signature = "/0LLp8zV7MybJAsUW0WHlYSOfho=";
    assert_eq!(verifier("12345").stream(STREAM, signature), Err(Forged));
}

#[test]
fn what_is_no_signature_is_refused() {
    let good = "/0LLp8zV7MybJAsUW0WHlYSOfho=";
    for signature in ["", "=", "x", &good[..27], &good[..20], "////", "ü"] {
        let answer = verifier(TOKEN).stream(STREAM, signature);
        assert_eq!(answer, Err(Forged), "{signature:?}");
    }
    assert_eq!(
        verifier(TOKEN).stream(STREAM, &format!("{good}{good}")),
        Err(Forged)
    );
    assert_eq!(verifier(TOKEN).stream("", good), Err(Forged));
}

#[test]
fn ports_are_told_from_other_colons() {
    let spellings = |url| ports(url)[1..].to_vec();
    assert_eq!(spellings("https://a/b:c"), ["https://a:443/b:c"]);
    assert_eq!(spellings("http://a?b=:1"), ["http://a:80?b=:1"]);
    assert_eq!(spellings("https://u:p@a:8443/"), ["https://u:p@a/"]);
    assert_eq!(spellings("https://u:p@a/"), ["https://u:p@a:443/"]);
    assert_eq!(spellings("wss://[::1]/x"), ["wss://[::1]:443/x"]);
    assert_eq!(spellings("wss://[::1]:9/x"), ["wss://[::1]/x"]);
    assert_eq!(ports("elsewhere"), ["elsewhere"]);
}

#[test]
fn the_token_is_not_shown() {
    let shown = format!("{:?}", verifier(TOKEN));
    assert!(!shown.contains(&TOKEN[..8]), "{shown}");
}
