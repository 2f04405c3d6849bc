//! The language of `when`: a boolean over the person and the session, judged in the gateway before
//! every statement and never sent to the server. Pure: the moment comes in as an argument.
//!
//! ```text
//! client.ip in ('10.0.0.0/8', '::1') and time between 'Mon-Fri 08:00' and '20:00'
//! user.department = '21' or user.attributes.region in ('east', 'west')
//! session.tls and not application_name = 'psql'
//! ```
//!
//! A comparison with a value that is missing is unknown, `not` of unknown is unknown, and unknown
//! is not true. `application_name` is what the client says of itself: good for order, not for
//! security. A window whose end is before its start runs past midnight.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Zoned;
use jiff::civil::{Time, Weekday};

use crate::diagnostic::closest;
use crate::policy::identity::PersonFacts;

/// The moment and the session a condition is judged for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Now, in the person's time zone.
    pub now: Zoned,
    /// Where the client connects from; `None` for a Unix socket.
    pub client_ip: Option<IpAddr>,
    /// The session is encrypted.
    pub tls: bool,
    /// A second factor was checked.
    pub mfa: bool,
    /// What the client calls itself.
    pub application_name: Option<String>,
}

/// A parsed condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All of them.
    And(Vec<Condition>),
    /// One of them.
    Or(Vec<Condition>),
    /// The opposite; unknown stays unknown.
    Not(Box<Condition>),
    /// The client's address is in one of these networks.
    Address(Vec<IpNet>),
    /// A weekly window.
    Time(Window),
    /// A value of the person or the session is one of these texts.
    Among(Attribute, Vec<String>),
    /// The session is encrypted.
    Tls,
    /// A second factor was checked.
    Mfa,
}

/// A weekly window: the days on which it opens, and from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    days: Vec<Weekday>,
    from: Time,
    to: Time,
}

/// What a condition can compare with texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// `user.login`
    Login,
    /// `user.department`
    Department,
    /// `user.position`
    Position,
    /// `user.location`
    Location,
    /// `user.attributes.NAME`
    Named(String),
    /// `application_name`
    ApplicationName,
}

/// What is wrong with a condition, in characters of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionFault {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
    /// Where.
    pub offset: usize,
    /// How many characters.
    pub length: usize,
}

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, ConditionFault> {
        let mut parser = Parser { tokens: tokens(text)?, next: 0 };
        let condition = parser.or(0)?;
        match parser.peek() {
            None => Ok(condition),
            Some(token) => Err(token.fault("expected `and`, `or` or the end")),
        }
    }

    /// Whether it holds: unknown does not.
    pub fn holds(&self, person: &PersonFacts, context: &Context) -> bool {
        self.judge(person, Some(context)) == Some(true)
    }

    /// Whether it holds for this person in every session at every moment, as far as can be told
    /// from its parts.
    pub(super) fn always_holds(&self, person: &PersonFacts) -> bool {
        self.judge(person, None) == Some(true)
    }

    /// Without a context everything about session and moment is unknown.
    fn judge(&self, person: &PersonFacts, context: Option<&Context>) -> Option<bool> {
        match self {
            Self::And(parts) => {
                let mut all = Some(true);
                for part in parts {
                    match part.judge(person, context) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            Self::Or(parts) => {
                let mut any = Some(false);
                for part in parts {
                    match part.judge(person, context) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
            Self::Not(inner) => inner.judge(person, context).map(|truth| !truth),
            Self::Address(networks) => {
                // `::ffff:10.0.0.1` is 10.0.0.1 seen through an IPv6 socket.
                let address = context?.client_ip?.to_canonical();
                Some(networks.iter().any(|network| network.contains(&address)))
            }
            Self::Time(window) => context.map(|context| window.contains(&context.now)),
            Self::Among(attribute, texts) => {
                let values = attribute.values(person, context);
                if values.is_empty() {
                    return None;
                }
                Some(values.iter().any(|value| texts.iter().any(|text| text == value)))
            }
            Self::Tls => context.map(|context| context.tls),
            Self::Mfa => context.map(|context| context.mfa),
        }
    }
}

impl Attribute {
    fn values<'a>(&self, person: &'a PersonFacts, context: Option<&'a Context>) -> Vec<&'a str> {
        match self {
            Self::Login => vec![person.login.as_str()],
            Self::Department => person.department.iter().map(String::as_str).collect(),
            Self::Position => person.position.iter().map(String::as_str).collect(),
            Self::Location => person.location.iter().map(String::as_str).collect(),
            Self::Named(name) => {
                person.attributes.get(name).into_iter().flatten().map(String::as_str).collect()
            }
            Self::ApplicationName => context
                .and_then(|context| context.application_name.as_deref())
                .into_iter()
                .collect(),
        }
    }
}

impl Window {
    fn contains(&self, now: &Zoned) -> bool {
        let (time, today) = (now.time(), now.weekday());
        if self.from <= self.to {
            return self.days.contains(&today) && self.from <= time && time < self.to;
        }
        (self.days.contains(&today) && self.from <= time)
            || (self.days.contains(&today.previous()) && time < self.to)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Word(String),
    Text(String),
    Sign(&'static str),
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    offset: usize,
    length: usize,
}

impl Token {
    fn fault(&self, message: impl Into<String>) -> ConditionFault {
        ConditionFault {
            message: message.into(),
            suggestion: None,
            offset: self.offset,
            length: self.length,
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, ConditionFault> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut index = 0;
    while index < characters.len() {
        let (start, c) = (index, at(index));
        index += 1;
        let kind = if c.is_whitespace() {
            continue;
        } else if c == '\'' {
            let mut word = String::new();
            loop {
                if index >= characters.len() {
                    return Err(ConditionFault {
                        message: "a text without its closing quote".to_owned(),
                        suggestion: None,
                        offset: start,
                        length: 1,
                    });
                }
                let c = at(index);
                index += 1;
                if c == '\'' && at(index) == '\'' {
                    index += 1;
                } else if c == '\'' {
                    break;
                }
                word.push(c);
            }
            Kind::Text(word)
        } else if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while at(index).is_alphanumeric() || matches!(at(index), '_' | '.') {
                word.push(at(index));
                index += 1;
            }
            Kind::Word(word)
        } else {
            let two = (c, at(index));
            let sign = match two {
                ('<', '>') | ('!', '=') => {
                    index += 1;
                    "<>"
                }
                ('=', _) => "=",
                ('(', _) => "(",
                (')', _) => ")",
                (',', _) => ",",
                _ => {
                    return Err(ConditionFault {
                        message: format!("`{c}` is not used in a condition"),
                        suggestion: None,
                        offset: start,
                        length: 1,
                    });
                }
            };
            Kind::Sign(sign)
        };
        tokens.push(Token { kind, offset: start, length: index - start });
    }
    Ok(tokens)
}

/// Deeper nesting than anybody writes by hand.
const MAX_DEPTH: usize = 64;

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn end(&self) -> ConditionFault {
        let offset = self.tokens.last().map_or(0, |token| token.offset + token.length);
        ConditionFault {
            message: "the condition ends too early".to_owned(),
            suggestion: None,
            offset,
            length: 1,
        }
    }

    fn take(&mut self) -> Result<Token, ConditionFault> {
        let token = self.peek().cloned().ok_or_else(|| self.end())?;
        self.next += 1;
        Ok(token)
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_word(word));
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), ConditionFault> {
        let token = self.take()?;
        if token.kind == Kind::Sign(sign) {
            return Ok(());
        }
        Err(token.fault(format!("expected `{sign}`")))
    }

    fn text(&mut self) -> Result<(String, Token), ConditionFault> {
        let token = self.take()?;
        match &token.kind {
            Kind::Text(text) => Ok((text.clone(), token)),
            Kind::Word(_) | Kind::Sign(_) => Err(token.fault("expected a text in single quotes")),
        }
    }

    fn texts(&mut self) -> Result<Vec<(String, Token)>, ConditionFault> {
        self.sign("(")?;
        let mut texts = vec![self.text()?];
        loop {
            let token = self.take()?;
            match token.kind {
                Kind::Sign(",") => texts.push(self.text()?),
                Kind::Sign(")") => return Ok(texts),
                Kind::Sign(_) | Kind::Word(_) | Kind::Text(_) => {
                    return Err(token.fault("expected `,` or `)`"));
                }
            }
        }
    }

    fn or(&mut self, depth: usize) -> Result<Condition, ConditionFault> {
        let mut parts = vec![self.and(depth)?];
        while self.accept_word("or") {
            parts.push(self.and(depth)?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Condition, ConditionFault> {
        let mut parts = vec![self.not(depth)?];
        while self.accept_word("and") {
            parts.push(self.not(depth)?);
        }
        Ok(one_or(parts, Condition::And))
    }

    fn not(&mut self, depth: usize) -> Result<Condition, ConditionFault> {
        if depth > MAX_DEPTH {
            return Err(self.end());
        }
        if self.accept_word("not") {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.peek().is_some_and(|token| token.kind == Kind::Sign("(")) {
            self.next += 1;
            let inner = self.or(depth + 1)?;
            self.sign(")")?;
            return Ok(inner);
        }
        self.test()
    }

    fn test(&mut self) -> Result<Condition, ConditionFault> {
        let token = self.take()?;
        let Kind::Word(word) = &token.kind else {
            return Err(token.fault("expected a value such as `client.ip` or `user.department`"));
        };
        let attribute = match word.as_str() {
            "session.tls" => return Ok(Condition::Tls),
            "session.mfa" => return Ok(Condition::Mfa),
            "client.ip" => return self.address(),
            "time" => return self.window(),
            "user.login" => Attribute::Login,
            "user.department" => Attribute::Department,
            "user.position" => Attribute::Position,
            "user.location" => Attribute::Location,
            "application_name" => Attribute::ApplicationName,
            other => match other.strip_prefix("user.attributes.") {
                Some(name) if !name.is_empty() => Attribute::Named(name.to_owned()),
                _ => {
                    let known = [
                        "client.ip",
                        "time",
                        "user.login",
                        "user.department",
                        "user.position",
                        "user.location",
                        "user.attributes.NAME",
                        "session.tls",
                        "session.mfa",
                        "application_name",
                    ];
                    let mut fault = token.fault(format!("unknown value `{other}`"));
                    fault.suggestion =
                        closest(other, known).map(|near| format!("did you mean `{near}`?"));
                    return Err(fault);
                }
            },
        };
        let (negated, texts) = self.comparison()?;
        let texts = texts.into_iter().map(|(text, _)| text).collect();
        Ok(not_if(negated, Condition::Among(attribute, texts)))
    }

    /// `= 'x'`, `<> 'x'`, `in (…)`, `not in (…)`: negated or not, and the texts.
    fn comparison(&mut self) -> Result<(bool, Vec<(String, Token)>), ConditionFault> {
        let token = self.take()?;
        match &token.kind {
            Kind::Sign("=") => Ok((false, vec![self.text()?])),
            Kind::Sign("<>") => Ok((true, vec![self.text()?])),
            Kind::Word(_) if token.is_word("in") => Ok((false, self.texts()?)),
            Kind::Word(_) if token.is_word("not") && self.accept_word("in") => {
                Ok((true, self.texts()?))
            }
            Kind::Word(_) | Kind::Text(_) | Kind::Sign(_) => {
                Err(token.fault("expected `=`, `<>`, `in` or `not in`"))
            }
        }
    }

    fn address(&mut self) -> Result<Condition, ConditionFault> {
        let (negated, texts) = self.comparison()?;
        let mut networks = Vec::new();
        for (text, token) in texts {
            let network = IpNet::from_str(&text)
                .or_else(|_| IpAddr::from_str(&text).map(IpNet::from))
                .map_err(|_| token.fault(format!("`{text}` is no address or network")))?;
            networks.push(network);
        }
        Ok(not_if(negated, Condition::Address(networks)))
    }

    fn window(&mut self) -> Result<Condition, ConditionFault> {
        let token = self.take()?;
        if !token.is_word("between") {
            return Err(token.fault("expected `between`"));
        }
        let (from, from_token) = self.text()?;
        let token = self.take()?;
        if !token.is_word("and") {
            return Err(token.fault("expected `and`"));
        }
        let (to, to_token) = self.text()?;
        let (days, from) = match from.trim().rsplit_once(' ') {
            Some((days, from)) => (
                days_named(days)
                    .ok_or_else(|| from_token.fault(format!("`{days}` are no days")))?,
                from.to_owned(),
            ),
            None => (ALL_DAYS.to_vec(), from),
        };
        let clock = |text: &str, token: &Token| {
            clock_time(text.trim())
                .ok_or_else(|| token.fault(format!("`{text}` is no time of day such as 08:00")))
        };
        let window = Window { days, from: clock(&from, &from_token)?, to: clock(&to, &to_token)? };
        Ok(Condition::Time(window))
    }
}

const ALL_DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// `Mon`, `Mon-Fri`, `Mon,Wed,Fri`, `Sat-Mon`.
fn days_named(text: &str) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.trim().split_once('-') {
            None => days.push(day_named(part.trim())?),
            Some((first, last)) => {
                let (mut day, last) = (day_named(first.trim())?, day_named(last.trim())?);
                days.push(day);
                while day != last {
                    day = day.next();
                    days.push(day);
                }
            }
        }
    }
    Some(days)
}

fn day_named(text: &str) -> Option<Weekday> {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let lower = text.to_lowercase();
    let index = names.iter().position(|name| *name == lower)?;
    ALL_DAYS.get(index).copied()
}

/// `08:00`; `24:00` is the last moment of the day.
fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    if (hour, minute) == ("24", "00") {
        return Some(Time::MAX);
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn one_or(mut parts: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

fn not_if(negated: bool, condition: Condition) -> Condition {
    if negated { Condition::Not(Box::new(condition)) } else { condition }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let mut person = PersonFacts::new("alice".into());
        person.department = Some("21".to_owned());
        let context = Context {
            // A Saturday.
            now: "2026-11-21T07:30:00+00:00[UTC]".parse().unwrap(),
            client_ip: Some("::ffff:10.1.2.3".parse().unwrap()),
            tls: true,
            mfa: false,
            application_name: None,
        };
        Condition::parse(text).unwrap().holds(&person, &context)
    }

    #[test]
    fn an_ipv4_client_on_an_ipv6_socket_is_in_its_network() {
        assert!(holds("client.ip in ('10.0.0.0/8', '192.168.0.1')"));
        assert!(!holds("client.ip not in ('10.0.0.0/8')"));
    }

    #[test]
    fn a_missing_attribute_is_false_even_under_not() {
        assert!(!holds("user.attributes.region = 'east'"));
        assert!(!holds("not user.attributes.region = 'east'"));
        assert!(!holds("user.attributes.region <> 'east'"));
        assert!(holds("user.attributes.region = 'east' or user.department = '21'"));
    }

    #[test]
    fn what_depends_on_the_session_holds_always() {
        let mut person = PersonFacts::new("alice".into());
        person.department = Some("21".to_owned());
        let always = |text: &str| Condition::parse(text).unwrap().always_holds(&person);
        assert!(always("user.department = '21' or client.ip in ('10.0.0.0/8')"));
        for text in [
            "client.ip in ('0.0.0.0/0')",
            "not client.ip in ('10.0.0.0/8')",
            "time between '00:00' and '23:59'",
            "not session.tls",
            "not session.mfa",
            "not application_name = 'psql'",
            "user.department = '22'",
        ] {
            assert!(!always(text), "{text}");
        }
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_it_opened() {
        assert!(holds("time between 'Sat 07:00' and '08:00'"));
        assert!(!holds("time between 'Mon-Fri 07:00' and '08:00'"));
        assert!(holds("time between 'Fri 22:00' and '08:00'"));
        assert!(!holds("time between 'Sat 22:00' and '08:00'"));
    }

    #[test]
    fn not_binds_tighter_than_and_and_that_tighter_than_or() {
        assert!(holds("session.tls or session.mfa and session.mfa"));
        assert!(!holds("(session.tls or session.mfa) and session.mfa"));
        assert!(holds("not session.mfa and session.tls"));
    }

    #[test]
    fn a_slip_is_shown_where_it_is() {
        let fault = Condition::parse("session.tls and user.departmnet = '1'").unwrap_err();
        assert_eq!((fault.offset, fault.length), (16, 15));
        assert_eq!(fault.suggestion.unwrap(), "did you mean `user.department`?");
        assert!(Condition::parse("client.ip in ('10.0.0.0/99')").is_err());
        assert!(Condition::parse("session.tls session.mfa").is_err());
        assert!(Condition::parse("").is_err());
    }
}
