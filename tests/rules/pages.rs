//! Pages show programs as they are.

use std::fs;

use telco_tests::root;

/// Who copies a program from a page has the one that CI compiles.
#[test]
fn the_page_about_an_own_sbc_shows_its_example() {
    let root = root();
    let page = fs::read_to_string(root.join("docs/guide/your-own-sbc.md")).unwrap();
    for file in ["main.rs", "office.toml"] {
        let text = fs::read_to_string(root.join("crates/edge-core/examples/own_sbc").join(file)).unwrap();
        assert!(page.contains(&text), "docs/guide/your-own-sbc.md does not show own_sbc/{file} as it is");
    }
}
