//! `/api/v3/reporting` and `/api/v4/reporting/stats`: occupancy, traffic and presence over time.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::bearer::Caller;
use super::series::{duration, instant, people, windows};
use super::{Estate, series};
use crate::Endpoint;
use crate::state::State;

#[derive(Deserialize)]
struct Report {
    filter: Filter,
    #[serde(default)]
    window: Option<Window>,
    #[serde(default)]
    group_by: Option<GroupBy>,
    #[serde(default)]
    options: Options,
    #[serde(default)]
    paginate: Option<Page>,
}

#[derive(Deserialize)]
struct Filter {
    measurements: Vec<String>,
    start: String,
    stop: Option<String>,
    spaces: Option<Names>,
    rooms: Option<Names>,
    zones: Option<Names>,
}

#[derive(Deserialize)]
struct Names {
    eq: Vec<String>,
}

#[derive(Deserialize)]
struct Window {
    every: String,
    function: String,
}

#[derive(Deserialize)]
struct GroupBy {
    #[serde(default)]
    order: Vec<String>,
    #[serde(default)]
    raw: bool,
}

#[derive(Default, Deserialize)]
struct Options {
    #[serde(default)]
    format: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    page: usize,
    limit: usize,
}

#[derive(Deserialize)]
struct Statistics {
    measurements: Vec<String>,
    items: Vec<String>,
    start: Option<String>,
    stop: Option<String>,
}

/// One value of one place in one window.
#[derive(Clone, Debug, Serialize)]
struct Point {
    field: &'static str,
    measurement: String,
    time: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    space_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensor_id: Option<String>,
}

impl Point {
    fn place(&self) -> &str {
        let ids = [&self.sensor_id, &self.room_id, &self.zone_id, &self.space_id];
        ids.into_iter().flatten().next().map_or("", String::as_str)
    }

    fn member(&self, name: &str) -> String {
        let id = match name {
            "time" => return self.time.clone(),
            "measurement" => return self.measurement.clone(),
            "field" => return self.field.to_owned(),
            "space_id" | "floor_id" => &self.space_id,
            "room_id" => &self.room_id,
            "zone_id" => &self.zone_id,
            "sensor_id" => &self.sensor_id,
            _ => &None,
        };
        id.clone().unwrap_or_default()
    }
}

/// What measures what: the scope that its readers need.
fn scope_of(measurement: &str) -> Option<&'static str> {
    match measurement {
        "room_occupancy" | "traffic_room_occupancy" => Some("read:rooms"),
        "floor_occupancy" | "traffic_floor_occupancy" | "zone_occupancy" => Some("read:spaces"),
        "traffic" | "presence" => Some("read:sensors"),
        _ => None,
    }
}

pub(crate) async fn report(Extract(state): Extract<Arc<State>>, caller: Caller, body: Bytes) -> Response {
    let report = match serde_json::from_slice::<Report>(&body) {
        Ok(report) => report,
        Err(problem) => return invalid(&format!("the body is no report request: {problem}")),
    };
    for measurement in &report.filter.measurements {
        let Some(scope) = scope_of(measurement) else { return invalid("a measurement is unknown") };
        if let Err(unauthorized) = caller.needs(&state, Endpoint::Reporting, scope) {
            return unauthorized.into_response();
        }
    }
    let Some(points) = points(&state.estate, &report, now(&state)) else {
        return invalid("start, stop or window cannot be read, or ask for too many points");
    };
    let total = points.len();
    let points = match &report.paginate {
        Some(page) => points
            .into_iter()
            .skip(page.page.saturating_sub(1).saturating_mul(page.limit))
            .take(page.limit)
            .collect(),
        None => points,
    };
    if report.options.format.as_deref() == Some("csv") {
        return ([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&points)).into_response();
    }
    let page_items = points.len();
    let function = report.window.as_ref().map_or("last", |window| window.function.as_str());
    let data = match &report.group_by {
        Some(group) if !group.raw || group.order.is_empty() => grouped(&points, &group.order, function),
        _ => json!(points),
    };
    let mut answer = json!({ "data": data });
    if let (Some(page), Some(members)) = (&report.paginate, answer.as_object_mut()) {
        let info = json!({
            "page": page.page,
            "page_item_count": page_items,
            "total_item_count": total,
            "total_pages": total.div_ceil(page.limit.max(1)),
        });
        members.insert("page_info".to_owned(), info);
    }
    Json(answer).into_response()
}

fn points(estate: &Estate, report: &Report, now: Timestamp) -> Option<Vec<Point>> {
    let filter = &report.filter;
    let start = instant(&filter.start, now)?;
    let stop = filter.stop.as_deref().map_or(Some(now), |stop| instant(stop, now))?;
    let every = report.window.as_ref().map_or(Some("1h"), |window| Some(&window.every)).and_then(duration)?;
    let windows = windows(start, stop, every)?;
    let mut points = Vec::new();
    for measurement in &filter.measurements {
        match measurement.as_str() {
            "traffic" | "presence" => sensor_points(estate, filter, measurement, &windows, &mut points),
            _ => place_points(estate, filter, measurement, &windows, &mut points),
        }
        if points.len() > series::POINT_LIMIT {
            return None;
        }
    }
    Some(points)
}

fn place_points(
    estate: &Estate,
    filter: &Filter,
    measurement: &str,
    windows: &[Timestamp],
    points: &mut Vec<Point>,
) {
    let chosen = |names: &Option<Names>, id: &str| {
        names.as_ref().is_none_or(|names| names.eq.iter().any(|name| name == id))
    };
    let mut series = |id: &str, most: i32, set: fn(&mut Point, String)| {
        for at in windows {
            let mut point = point("value", measurement, *at, people(id, measurement, *at, most));
            set(&mut point, id.to_owned());
            points.push(point);
        }
    };
    if measurement.ends_with("room_occupancy") {
        for room in estate.rooms.iter().filter(|room| chosen(&filter.rooms, room.id.as_str())) {
            series(room.id.as_str(), room.capacity.max, |point, id| point.room_id = Some(id));
        }
    } else if measurement == "zone_occupancy" {
        for zone in estate.zones.iter().filter(|zone| chosen(&filter.zones, zone.id.as_str())) {
            series(zone.id.as_str(), zone.capacity.max, |point, id| point.zone_id = Some(id));
        }
    } else {
        for floor in estate.floors.iter().filter(|floor| chosen(&filter.spaces, floor.id.as_str())) {
            series(floor.id.as_str(), floor.capacity.max, |point, id| point.space_id = Some(id));
        }
    }
}

/// Traffic counts people in and out of a door; presence counts the seconds in which somebody was
/// seen.
fn sensor_points(
    estate: &Estate,
    filter: &Filter,
    measurement: &str,
    windows: &[Timestamp],
    points: &mut Vec<Point>,
) {
    let fields: &[&'static str] = if measurement == "traffic" { &["in", "out"] } else { &["seconds"] };
    let mode = measurement;
    let chosen = estate.sensors.iter().filter(|sensor| {
        let room = sensor.room_id.as_ref().map_or("", |id| id.as_str());
        let here = |names: &Option<Names>, id: &str| {
            names.as_ref().is_none_or(|names| names.eq.iter().any(|name| name == id))
        };
        sensor.mode == mode && here(&filter.rooms, room) && here(&filter.spaces, sensor.floor_id.as_str())
    });
    for sensor in chosen {
        for at in windows {
            for field in fields {
                let mut point = point(field, measurement, *at, people(sensor.id.as_str(), field, *at, 20));
                point.sensor_id = Some(sensor.id.to_string());
                point.room_id = sensor.room_id.as_ref().map(|id| id.to_string());
                point.space_id = Some(sensor.floor_id.to_string());
                points.push(point);
            }
        }
    }
}

fn point(field: &'static str, measurement: &str, at: Timestamp, value: f64) -> Point {
    Point {
        field,
        measurement: measurement.to_owned(),
        time: at.to_string(),
        value,
        space_id: None,
        room_id: None,
        zone_id: None,
        sensor_id: None,
    }
}

/// Nests points by the named members, or by place and time, with the function's value innermost.
fn grouped(points: &[Point], order: &[String], function: &str) -> Value {
    let mut root = Map::new();
    for point in points {
        let path = match order {
            [] => vec![point.place().to_owned(), point.time.clone()],
            order => order.iter().map(|name| point.member(name)).collect(),
        };
        let mut level = &mut root;
        for step in path {
            let next = level.entry(step).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(next) = next else { return Value::Null };
            level = next;
        }
        level.insert(function.to_owned(), point.value.into());
    }
    Value::Object(root)
}

fn csv(points: &[Point]) -> String {
    let columns = ["time", "measurement", "field", "space_id", "room_id", "zone_id", "sensor_id"];
    let mut text = format!("{},value\n", columns.join(","));
    for point in points {
        let row: Vec<String> = columns.iter().map(|column| point.member(column)).collect();
        text.push_str(&format!("{},{}\n", row.join(","), point.value));
    }
    text
}

pub(crate) async fn statistics(Extract(state): Extract<Arc<State>>, caller: Caller, body: Bytes) -> Response {
    let asked = match serde_json::from_slice::<Statistics>(&body) {
        Ok(asked) => asked,
        Err(problem) => return invalid(&format!("the body is no statistics request: {problem}")),
    };
    if let Err(unauthorized) = caller.needs(&state, Endpoint::Reporting, "read:spaces") {
        return unauthorized.into_response();
    }
    let now = now(&state);
    let start = instant(asked.start.as_deref().unwrap_or("-7d"), now);
    let stop = asked.stop.as_deref().map_or(Some(now), |stop| instant(stop, now));
    let hour = jiff::SignedDuration::from_hours(1);
    let Some(windows) = start.zip(stop).and_then(|(start, stop)| windows(start, stop, hour)) else {
        return invalid("start or stop cannot be read, or ask for too much");
    };
    let data: Map<String, Value> = asked
        .items
        .iter()
        .map(|item| {
            let values = windows.iter().map(|at| people(item, "statistics", *at, 20)).collect();
            (item.clone(), summary(values, &asked.measurements))
        })
        .collect();
    Json(json!({ "data": data })).into_response()
}

/// The summary of a series, and each measurement that was asked for by its name.
fn summary(mut values: Vec<f64>, measurements: &[String]) -> Value {
    let (first, last) =
        (values.first().copied().unwrap_or_default(), values.last().copied().unwrap_or_default());
    values.sort_by(f64::total_cmp);
    let count = values.len().max(1) as f64;
    let sum: f64 = values.iter().sum();
    let mean = sum / count;
    let median = values.get(values.len() / 2).copied().unwrap_or_default();
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let mut summary = json!({
        "count": values.len(),
        "first": first,
        "last": last,
        "min": values.first().copied().unwrap_or_default(),
        "max": values.last().copied().unwrap_or_default(),
        "mean": mean,
        "median": median,
        "stdev": deviation,
        "sum": sum,
    });
    if let Some(members) = summary.as_object_mut() {
        for measurement in measurements {
            let value = if measurement.contains("median") { median } else { mean };
            members.insert(measurement.clone(), value.into());
        }
    }
    summary
}

fn now(state: &State) -> Timestamp {
    i64::try_from(state.clock.now())
        .ok()
        .and_then(|now| Timestamp::from_millisecond(now).ok())
        .unwrap_or_default()
}

fn invalid(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "code": "INVALID_REQUEST", "message": message }))).into_response()
}
