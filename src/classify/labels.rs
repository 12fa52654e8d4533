//! What a text can be found to be, and in which language it was judged.

/// How many labels are learnt.
pub const LABELS: usize = 7;

/// A label that is learnt. The order is that of every array of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// An insult or attack on a person or group of persons, threats among them.
    Abuse,
    /// An attack on people for a protected trait.
    Hate,
    /// Pornographic content, sexual services and solicitation.
    Sexual,
    /// An invitation to gamble.
    Gambling,
    /// Deceiving for money or data.
    Fraud,
    /// Unsolicited adverts and bulk promotion, illicit trade among them.
    SpamAds,
    /// A headline that baits.
    Clickbait,
}

/// Labels that people ask for and that no data supports: rules and word lists alone find them.
pub const UNLEARNT: [&str; 4] = ["drugs", "violence", "self_harm", "minors"];

impl Label {
    /// All of them, in order.
    pub const ALL: [Self; LABELS] =
        [Self::Abuse, Self::Hate, Self::Sexual, Self::Gambling, Self::Fraud, Self::SpamAds, Self::Clickbait];

    /// Its name in files and signals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::Hate => "hate",
            Self::Sexual => "sexual",
            Self::Gambling => "gambling",
            Self::Fraud => "fraud",
            Self::SpamAds => "spam_ads",
            Self::Clickbait => "clickbait",
        }
    }

    /// The label of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }
}

/// How many languages are told apart.
pub const LANGUAGES: usize = 2;

/// What scores are calibrated by: the script says it, for most messages name no language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Chinese characters, kana and hangul are a quarter of its letters or more.
    Chinese,
    /// All others.
    #[default]
    English,
}

impl Language {
    /// Both, in order.
    pub const ALL: [Self; LANGUAGES] = [Self::Chinese, Self::English];

    /// Its code in files and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_labels() {
        for (at, label) in Label::ALL.into_iter().enumerate() {
            assert_eq!(label as usize, at);
            assert_eq!(Label::of_name(label.name()), Some(label));
        }
        assert!(UNLEARNT.iter().all(|name| Label::of_name(name).is_none()));
    }
}
