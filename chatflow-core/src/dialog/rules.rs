//! How much people may write at once, whatever the channel takes.

use serde::{Deserialize, Serialize};

use crate::dialog::{MediaKind, Message};

/// What a person's message may hold. The channel's own limits come on top; the stricter wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MessageRules {
    /// Longest text, in Unicode scalar values; none for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_max: Option<usize>,
    /// Which of them count.
    pub count: TextCount,
    /// Most files, all that is no picture.
    pub files_max: usize,
    /// Most pictures.
    pub images_max: usize,
    /// All of them together, in bytes, as far as their sizes are known.
    pub bytes_max: u64,
}

/// Which characters of a text count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextCount {
    /// All but white space of any kind.
    #[default]
    WithoutSpaces,
    /// All.
    All,
}

impl Default for MessageRules {
    fn default() -> Self {
        Self {
            text_max: Some(2000),
            count: TextCount::WithoutSpaces,
            files_max: 1,
            images_max: 10,
            bytes_max: 500 << 20,
        }
    }
}

/// Why a message breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleBroken {
    /// The text is too long.
    #[error("the text has {found} characters that count, more than {most}")]
    TooLong {
        /// Its length.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// There are too many files.
    #[error("it has {found} files, more than {most}")]
    TooManyFiles {
        /// How many.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// There are too many pictures.
    #[error("it has {found} pictures, more than {most}")]
    TooManyImages {
        /// How many.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// All together is too large.
    #[error("its files have {found} bytes together, more than {most}")]
    TooLarge {
        /// How large.
        found: u64,
        /// The limit.
        most: u64,
    },
}

impl MessageRules {
    /// Whether a message keeps the rules.
    ///
    /// # Errors
    /// [`RuleBroken`] names the first rule that it breaks.
    pub fn check(&self, message: &Message) -> Result<(), RuleBroken> {
        let counts = |letter: &char| match self.count {
            TextCount::WithoutSpaces => !letter.is_whitespace(),
            TextCount::All => true,
        };
        let found = message.text().chars().filter(counts).count();
        if let Some(most) = self.text_max
            && found > most
        {
            return Err(RuleBroken::TooLong { found, most });
        }
        let media = message.media();
        let is_image = |kind| kind == MediaKind::Photo;
        let images = media.iter().filter(|media| is_image(media.kind)).count();
        let files = media.len() - images;
        if files > self.files_max {
            let most = self.files_max;
            return Err(RuleBroken::TooManyFiles { found: files, most });
        }
        if images > self.images_max {
            let most = self.images_max;
            return Err(RuleBroken::TooManyImages {
                found: images,
                most,
            });
        }
        let sizes = media.iter().filter_map(|media| media.bytes);
        let found = sizes.fold(0, u64::saturating_add);
        if found > self.bytes_max {
            let most = self.bytes_max;
            return Err(RuleBroken::TooLarge { found, most });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::Media;

    fn check(message: &Message) -> Result<(), RuleBroken> {
        MessageRules::default().check(message)
    }

    fn of(kind: MediaKind, many: usize, bytes: u64) -> Message {
        let media = (0..many).map(|n| Media::new(kind, format!("f{n}")).with_bytes(bytes));
        media.fold(Message::new(""), Message::with_media)
    }

    #[test]
    fn ms_07_two_thousand_letters_fit_whatever_the_spaces() {
        let letters = "x".repeat(2000);
        let spaced = format!("{letters}{}", " ".repeat(500));
        assert_eq!(check(&Message::new(spaced)), Ok(()));
        let found = check(&Message::new(format!("{letters}x")));
        let (found_letters, most) = (2001, 2000);
        assert_eq!(
            found,
            Err(RuleBroken::TooLong {
                found: found_letters,
                most
            })
        );
        let all = MessageRules {
            count: TextCount::All,
            ..MessageRules::default()
        };
        assert!(all.check(&Message::new(format!("{letters} "))).is_err());
        assert_eq!(all.check(&Message::new(letters)), Ok(()));
    }

    #[test]
    fn ms_08_a_character_is_a_scalar_value_and_white_space_is_white_space_anywhere() {
        assert_eq!(
            check(&Message::new("Ж".repeat(2000))),
            Ok(()),
            "4,000 bytes"
        );
        assert_eq!(
            check(&Message::new("🙂".repeat(2000))),
            Ok(()),
            "4,000 units"
        );
        assert!(check(&Message::new("🙂".repeat(2001))).is_err());
        // Two scalar values that a reader takes for one letter.
        assert_eq!(check(&Message::new("e\u{301}".repeat(1000))), Ok(()));
        assert!(check(&Message::new("e\u{301}".repeat(1001))).is_err());
        let spaces = "\t\n\r\u{a0}\u{2003}\u{3000}";
        let text = format!("{}{}", "x".repeat(2000), spaces.repeat(100));
        assert_eq!(check(&Message::new(text)), Ok(()), "none of these count");
    }

    #[test]
    fn ms_09_a_message_has_one_file_at_most() {
        assert_eq!(check(&of(MediaKind::File, 1, 1)), Ok(()));
        let (found, most) = (2, 1);
        let broken = Err(RuleBroken::TooManyFiles { found, most });
        assert_eq!(check(&of(MediaKind::File, 2, 1)), broken);
        let mixed = of(MediaKind::File, 1, 1).with_media(Media::new(MediaKind::Video, "v"));
        assert_eq!(check(&mixed), broken, "a video is a file too");
        let with_pictures =
            of(MediaKind::Photo, 10, 1).with_media(Media::new(MediaKind::File, "f"));
        assert_eq!(check(&with_pictures), Ok(()));
    }

    #[test]
    fn ms_10_ms_14_ten_pictures_fit_in_order_and_eleven_do_not() {
        let three = of(MediaKind::Photo, 3, 1);
        let order: Vec<_> = three
            .media()
            .iter()
            .map(|media| media.reference.as_str())
            .collect();
        assert_eq!(order, ["f0", "f1", "f2"], "as they were attached");
        assert_eq!(check(&three), Ok(()));
        assert_eq!(check(&of(MediaKind::Photo, 10, 1)), Ok(()));
        let (found, most) = (11, 10);
        let broken = Err(RuleBroken::TooManyImages { found, most });
        assert_eq!(check(&of(MediaKind::Photo, 11, 1)), broken);
    }

    #[test]
    fn ms_13_all_together_have_five_hundred_mebibytes_at_most() {
        assert_eq!(check(&of(MediaKind::Photo, 10, 50 << 20)), Ok(()));
        let most = 500 << 20;
        let found = 510 << 20;
        let broken = Err(RuleBroken::TooLarge { found, most });
        assert_eq!(check(&of(MediaKind::Photo, 10, 51 << 20)), broken);
        let one_more = of(MediaKind::Photo, 10, 50 << 20)
            .with_media(Media::new(MediaKind::File, "f").with_bytes(1));
        assert!(check(&one_more).is_err(), "one byte more");
        let found = u64::MAX;
        let broken = Err(RuleBroken::TooLarge { found, most });
        assert_eq!(
            check(&of(MediaKind::Photo, 10, u64::MAX)),
            broken,
            "no overflow"
        );
    }
}
