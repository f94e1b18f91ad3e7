//! Headers of every answer, and checks of every request before routing.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};

/// Maximum size of a request's body, bytes.
const BODY: usize = 64 << 10;

/// The page loads from this origin only, has no inline scripts, and cannot be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Routes with these headers and checks. Loopback listeners also check the Host header: see [`is_local`].
pub(super) fn guarded(routes: Router, loopback: bool) -> Router {
    let guard = move |request: Request, next: Next| async move {
        let mut response = match host(&request) {
            Some(host) if loopback && !is_local(host) => refused(),
            _ => next.run(request).await,
        };
        for (name, value) in HEADERS {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    };
    routes.layer(DefaultBodyLimit::max(BODY)).layer(middleware::from_fn(guard))
}

fn refused() -> Response {
    let why = "this address answers to localhost and to IP addresses only; a proxy should set the Host header\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

/// The host that the client addresses. Every browser sends it.
fn host(request: &Request) -> Option<&str> {
    match request.uri().host() {
        Some(host) => Some(host),
        None => request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("")),
    }
}

/// Whether a Host header can mean a loopback address. A page of another site whose name resolves to 127.0.0.1
/// (DNS rebinding) could otherwise read every route; its requests carry its own name.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn names_of_other_sites_are_told_from_this_machine() {
        for local in ["localhost", "LocalHost:7823", "127.0.0.1", "127.0.0.1:7823", "[::1]:7823", "[::1]"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["example.org", "example.org:7823", "localhost.example.org", "127.0.0.1.example.org:80", "", ":80"]
        {
            assert!(!is_local(other), "{other}");
        }
    }
}
