use super::*;
use crate::matcher::Surroundings;

const VALUE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// The values that the word `flickr` of `text` gives, for a rule that wants 32 hex digits and one of `key`, `token`.
fn values(text: &str) -> Vec<String> {
    let and = ["key".to_owned(), "token".to_owned()];
    let fits = |value: &[u8]| value.len() == 32 && value.iter().all(u8::is_ascii_hexdigit);
    let wish = Wish { and: &and, judged: false, fits: &fits };
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, word) in lower.match_indices("flickr") {
        let candidate = Candidate { at, length: word.len(), literal: 0 };
        let scene = Scene {
            candidate,
            text: text.as_bytes(),
            around: Surroundings::default(),
            memo: &Memo::default(),
            tried: None,
        };
        find(wish, scene, &mut |hit| found.push(text[hit.value].to_owned()));
    }
    found.dedup();
    found
}

#[test]
fn the_word_may_name_what_the_assignment_stands_in() {
    for text in [
        "FLICKR_KEY=V",
        "flickr:\n  url: x\n  api_key: V\nother: 1\n",
        "app:\n  flickr:\n    on: true\n    apiKey: \"V\"\n",
        "{\"flickr\": {\"url\": \"x\", \"apiKey\": \"V\"}}",
        "{\\\"flickr\\\":{\\\"key\\\":\\\"V\\\"}}",
        "[flickr]\r\nurl = x\r\nkey = V\r\n",
        "[tools.flickr]  # photos\nkey = \"V\"\n",
        "  flickr: { key: 'V' },",
        "  'flickr' => [\n    'key' => 'V',\n  ],",
        "provider \"flickr\" {\n  token = \"V\"\n}",
        "Flickr: FlickrConfig{\n\tKey: \"V\",\n}",
        "<flickr>\n  <key>V</key>\n</flickr>",
        "<flickr key=\"V\"/>",
        "config[\"flickr\"][\"key\"] = \"V\"",
        "Flickr(key=\"V\")",
        "new Flickr({ key: 'V' })",
        "new Flickr('V')",
        "Flickr::Client.new(key: 'V')",
        "flickr.setKey(\"V\")",
        "Flickr.configure do |config|\n  config.key = 'V'\nend\n",
        "https://api.flickr.com/a?key=V&x=1",
        "curl -H 'X-Key: V' https://api.flickr.com/",
        "name,value\nflickr_key,V\n",
        "flickr_key;\"V\"",
        "| `FLICKR_KEY` | `V` | of photos |",
        "curl https://api.flickr.com/ \\\n  -H \"Authorization: Bearer V\"\n",
        "get(\"https://api.flickr.com/\", headers={\"X-Key\": \"V\"})",
    ] {
        assert_eq!(values(&text.replace('V', VALUE)), [VALUE], "{text}");
    }
}

#[test]
fn a_mere_word_is_a_value_only_of_its_own_key() {
    let and = ["key".to_owned()];
    let wish = Wish { and: &and, judged: false, fits: &|value| value.len() > 4 };
    for (text, found) in [("flickr_key = \"lowercase\"", 1), ("flickr: { key: \"lowercase\" }", 0)] {
        let candidate = Candidate { at: 0, length: 6, literal: 0 };
        let scene = Scene {
            candidate,
            text: text.as_bytes(),
            around: Surroundings::default(),
            memo: &Memo::default(),
            tried: None,
        };
        let mut count = 0;
        find(wish, scene, &mut |_| count += 1);
        assert_eq!(count, found, "{text}");
    }
}

#[test]
fn a_word_beside_the_block_says_nothing() {
    for text in [
        "flickr:\n  url: x\nkey: V\n",
        "# flickr\nkey: V\n",
        "{\"flickr\": {\"url\": \"x\"}, \"key\": \"V\"}",
        "[flickr]\nurl = x\n[other]\nkey = V\n",
        "<flickr><url>x</url></flickr><key>V</key>",
        "Flickr(); key = \"V\"",
        "flickring:\n  key: V\n",
        "Flickr(sha(\"V\"))",
        "flickr and key = \"V\"",
        "get(\"https://api.flickr.com/\"); key = \"V\"",
        "see https://api.flickr.com/\nkey = \"V\"",
        "https://other.com/flickr?key=V",
        "flickr:\n  sha: V\n",
        "class Flickr {\n  key V;\n}",
        "photos,flickr_key,V\n",
        "| flickr | V |",
    ] {
        assert_eq!(values(&text.replace('V', VALUE)), Vec::<String>::new(), "{text}");
    }
}
