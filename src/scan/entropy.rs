//! Shannon entropy in bits a character, as rules' `entropy` compares it.

/// Over the text's characters (gitleaks divides by bytes, which is too little outside ASCII).
pub fn shannon(text: &[u8]) -> f64 {
    if text.is_ascii() {
        let mut counts = [0u32; 128];
        text.iter().for_each(|&byte| counts[byte as usize] += 1);
        return of(counts.into_iter(), text.len());
    }
    let text = String::from_utf8_lossy(text);
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    let counts = characters.chunk_by(|a, b| a == b).map(|run| run.len() as u32);
    of(counts, characters.len())
}

fn of(counts: impl Iterator<Item = u32>, total: usize) -> f64 {
    let total = total as f64;
    let sum: f64 = counts
        .filter(|&count| count > 0)
        .map(|count| {
            let share = f64::from(count) / total;
            -share * share.log2()
        })
        .sum();
    // Where all characters are the same it is negative zero, which reports would show.
    sum + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert_eq!(shannon(b"abcd"), 2.0);
        for text in [&b""[..], b"aaaa"] {
            assert_eq!(shannon(text).to_string(), "0");
        }
        assert_eq!(shannon("äöüß".as_bytes()), 2.0);
    }
}
