use super::cleaned;

#[test]
fn an_address_is_taken_out_of_what_is_around_it() {
    const ADDRESS: &str = "http://127.0.0.1:8765/callback?code=c0de&state=s";
    for pasted in [
        ADDRESS.to_owned(),
        format!("  {ADDRESS}\t\r\n"),
        format!("\"{ADDRESS}\""),
        format!("'{ADDRESS}'"),
        format!("<{ADDRESS}>"),
        format!("“{ADDRESS}”"),
        format!("\"<{ADDRESS}>\" "),
        ADDRESS.replace("code", "\n  co\r\nde"),
    ] {
        assert_eq!(*cleaned(&pasted), ADDRESS, "{pasted}");
    }
}

#[test]
fn what_is_no_pair_stays() {
    for pasted in ["\"code=a", "code=a'", "<code=a", "", "\""] {
        assert_eq!(*cleaned(pasted), pasted);
    }
}
