//! The crate rdkafka. See README.md of tests/clients for the commands.
use base64::{engine::general_purpose::STANDARD, Engine};
use futures_executor::block_on;
use rdkafka::admin::*;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use serde_json::{json, Map, Value};
use std::collections::HashMap;
use std::io::{stdin, BufRead};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_MESSAGE_BYTES: &str = "12000000"; // of a producer: more than the largest record here

enum Failure {
    Error(String),
    Unsupported(String),
}

type Answer = Result<Value, Failure>;

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Failure::Error(error.to_string())
    }
}

fn unsupported(why: &str) -> Answer {
    Err(Failure::Unsupported(why.to_string()))
}

fn text<'a>(command: &'a Value, field: &str) -> &'a str {
    command[field].as_str().unwrap_or("")
}

fn number(command: &Value, field: &str) -> i64 {
    command[field].as_i64().unwrap_or(0)
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|encoded| STANDARD.decode(encoded).unwrap())
}

fn base64(content: Option<&[u8]>) -> Value {
    content.map_or(Value::Null, |content| json!(STANDARD.encode(content)))
}

/// What the producer could not deliver.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Vec<String>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().push(error.to_string());
        }
    }
}

/// How often the member was given partitions, how many were taken from it.
#[derive(Default)]
struct Rebalances {
    given: AtomicUsize,
    revoked: AtomicUsize,
}

impl Rebalances {
    fn see(&self, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(_) => self.given.fetch_add(1, Ordering::SeqCst),
            Rebalance::Revoke(places) => self.revoked.fetch_add(places.count(), Ordering::SeqCst),
            Rebalance::Error(_) => 0,
        };
    }
}

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    #[cfg(feature = "newest")]
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.see(rebalance);
    }

    #[cfg(not(feature = "newest"))]
    fn pre_rebalance(&self, rebalance: &Rebalance<'_>) {
        self.see(rebalance);
    }
}

/// A producer with a transactional id.
struct Transactional {
    producer: BaseProducer<Deliveries>,
    deliveries: Deliveries,
    open: bool, // its transaction
}

struct Adapter {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    client: BaseConsumer,
    member: Option<(String, BaseConsumer<Rebalances>)>,
    transactional: HashMap<String, Transactional>,
}

impl Adapter {
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    fn carry_out(&mut self, command: &Value) -> Answer {
        let topic = text(command, "topic");
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        match text(command, "do") {
            "create_topic" => {
                let configs: Vec<(String, String)> = command["configs"].as_object().unwrap().iter()
                    .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_string())).collect();
                let mut created = NewTopic::new(topic, number(command, "partitions") as i32, TopicReplication::Fixed(1));
                for (name, value) in &configs {
                    created = created.set(name, value);
                }
                done(block_on(self.admin.create_topics([&created], &options))?)
            }
            "delete_topic" => done(block_on(self.admin.delete_topics(&[topic], &options))?),
            "create_partitions" => {
                let wanted = NewPartitions::new(topic, number(command, "total") as usize);
                done(block_on(self.admin.create_partitions([&wanted], &options))?)
            }
            "describe_topic" => self.describe_topic(topic),
            "describe_configs" => {
                let mut told = block_on(self.admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options))?;
                let resource = told.remove(0).map_err(|code| Failure::Error(code.to_string()))?;
                let configs: Map<String, Value> =
                    resource.entries.into_iter().map(|entry| (entry.name, json!(entry.value))).collect();
                Ok(json!({ "configs": configs }))
            }
            "alter_config" => {
                // Sets this one and all others back to their defaults: AlterConfigs cannot do less.
                let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
                if let Some(value) = command["value"].as_str() {
                    change = change.set(text(command, "name"), value);
                }
                let told = block_on(self.admin.alter_configs([&change], &options))?;
                match &told[0] {
                    Ok(_) => Ok(json!({})),
                    Err((_, code)) => Err(Failure::Error(code.to_string())),
                }
            }
            "delete_records" => self.delete_records(command, topic, &options),
            "list_offsets" => self.list_offset(command, topic),
            "produce" => self.produce(command, topic),
            "transact" => self.transact(command, topic),
            "fetch" => self.fetch(command, topic),
            "group_join" => self.join(command, topic),
            "list_groups" => {
                let groups = self.client.fetch_group_list(None, TIMEOUT)?;
                Ok(json!({ "groups": groups.groups().iter().map(|group| group.name()).collect::<Vec<_>>() }))
            }
            "describe_group" => self.describe_group(text(command, "group")),
            "delete_group" => self.delete_group(text(command, "group"), &options),
            "group_leave" => {
                self.member = None;
                Ok(json!({}))
            }
            name if name.starts_with("group_") && self.member.is_some() => self.group(name, command),
            _ => unsupported("the client has no such call"),
        }
    }

    fn describe_topic(&self, topic: &str) -> Answer {
        let metadata = self.client.fetch_metadata(Some(topic), TIMEOUT)?;
        let described = &metadata.topics()[0];
        if let Some(error) = described.error() {
            return Err(Failure::Error(RDKafkaErrorCode::from(error).to_string()));
        }
        let mut partitions: Vec<_> = described.partitions().iter().map(|one| (one.id(), one.leader())).collect();
        partitions.sort();
        Ok(json!({ "leaders": partitions.iter().map(|(_, leader)| leader).collect::<Vec<_>>() }))
    }

    #[cfg(feature = "newest")]
    fn delete_records(&self, command: &Value, topic: &str, options: &AdminOptions) -> Answer {
        let mut places = TopicPartitionList::new();
        places.add_partition_offset(topic, number(command, "partition") as i32, Offset::Offset(number(command, "before")))?;
        for place in block_on(self.admin.delete_records(&places, options))?.elements() {
            place.error()?;
        }
        Ok(json!({}))
    }

    #[cfg(not(feature = "newest"))]
    fn delete_records(&self, _command: &Value, _topic: &str, _options: &AdminOptions) -> Answer {
        unsupported("the crate of that time has no DeleteRecords")
    }

    #[cfg(feature = "newest")]
    fn delete_group(&self, group: &str, options: &AdminOptions) -> Answer {
        done(block_on(self.admin.delete_groups(&[group], options))?)
    }

    #[cfg(not(feature = "newest"))]
    fn delete_group(&self, _group: &str, _options: &AdminOptions) -> Answer {
        unsupported("the crate of that time has no DeleteGroups")
    }

    fn list_offset(&self, command: &Value, topic: &str) -> Answer {
        let partition = number(command, "partition") as i32;
        let offset = match command["at"].as_str() {
            Some("earliest") => self.client.fetch_watermarks(topic, partition, TIMEOUT)?.0,
            Some(_) => self.client.fetch_watermarks(topic, partition, TIMEOUT)?.1,
            None => {
                let mut places = TopicPartitionList::new();
                places.add_partition_offset(topic, partition, Offset::Offset(number(command, "at")))?;
                let found = self.client.offsets_for_times(places, TIMEOUT)?;
                found.elements()[0].offset().to_raw().unwrap_or(-1)
            }
        };
        Ok(json!({ "offset": offset }))
    }

    fn produce(&self, command: &Value, topic: &str) -> Answer {
        let deliveries = Deliveries::default();
        let producer: BaseProducer<Deliveries> = self.config()
            .set("compression.type", text(command, "codec"))
            .set("acks", text(command, "acks"))
            .set("enable.idempotence", command["idempotent"].to_string())
            .set("linger.ms", "20")
            .set("message.max.bytes", MAX_MESSAGE_BYTES)
            .create_with_context(deliveries.clone())?;
        send(&producer, &deliveries, command, topic)?;
        Ok(json!({ "hash": "crc32" }))
    }

    /// The producer of a transactional id is kept for the next transaction, until one fails.
    fn transact(&mut self, command: &Value, topic: &str) -> Answer {
        let (id, end) = (text(command, "id"), text(command, "end"));
        let mut held = match self.transactional.remove(id) {
            Some(held) => held,
            None => self.transactional_producer(id, command)?,
        };
        if !held.open {
            held.producer.begin_transaction()?;
        }
        send(&held.producer, &held.deliveries, command, topic)?;
        if command["consumed"].as_bool().unwrap_or(false) {
            let (_, member) = self.member.as_ref().unwrap();
            let group = member.group_metadata().expect("a member has a group");
            held.producer.send_offsets_to_transaction(&member.position()?, &group, TIMEOUT)?;
        }
        match end {
            "commit" => held.producer.commit_transaction(TIMEOUT)?,
            "abort" => held.producer.abort_transaction(TIMEOUT)?,
            _ => (),
        }
        held.open = end.is_empty();
        self.transactional.insert(id.to_string(), held);
        Ok(json!({}))
    }

    fn transactional_producer(&self, id: &str, command: &Value) -> Result<Transactional, KafkaError> {
        let deliveries = Deliveries::default();
        let producer: BaseProducer<Deliveries> = self.config()
            .set("transactional.id", id)
            .set("transaction.timeout.ms", command["timeout_ms"].to_string())
            .create_with_context(deliveries.clone())?;
        producer.init_transactions(TIMEOUT)?;
        Ok(Transactional { producer, deliveries, open: false })
    }

    fn fetch(&self, command: &Value, topic: &str) -> Answer {
        let committed = command["committed"].as_bool().unwrap_or(false);
        let reader: BaseConsumer = self.config()
            .set("group.id", "none")
            .set("enable.auto.commit", "false")
            .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
            .create()?;
        let offset = match command["start"].as_str() {
            Some("earliest") => Offset::Beginning,
            Some(_) => Offset::End,
            None => Offset::Offset(number(command, "start")),
        };
        let mut places = TopicPartitionList::new();
        places.add_partition_offset(topic, number(command, "partition") as i32, offset)?;
        reader.assign(&places)?;
        let count = number(command, "count") as usize;
        let mut records = Vec::new();
        while records.len() < count {
            let message = match reader.poll(TIMEOUT) {
                Some(message) => message?,
                None => return Err(Failure::Error(format!("{} records did not come", count - records.len()))),
            };
            let headers: Vec<Value> = message.headers().map_or(Vec::new(), |headers| {
                headers.iter().map(|header| json!([header.key, base64(header.value)])).collect()
            });
            records.push(json!({ "offset": message.offset(), "timestamp": message.timestamp().to_millis(),
                "key": base64(message.key()), "value": base64(message.payload()), "headers": headers }));
        }
        Ok(json!({ "records": records }))
    }

    fn join(&mut self, command: &Value, topic: &str) -> Answer {
        let mut config = self.config();
        config.set("group.id", text(command, "group"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", command["session_ms"].to_string())
            .set("heartbeat.interval.ms", "300");
        match command["assignor"].as_str() {
            Some("sticky") => return unsupported("librdkafka has no eager sticky assignor"),
            Some(assignor) => { config.set("partition.assignment.strategy", assignor); }
            None => (),
        }
        if let Some(instance) = command["instance"].as_str() {
            config.set("group.instance.id", instance);
        }
        let consumer: BaseConsumer<Rebalances> = config.create_with_context(Rebalances::default())?;
        consumer.subscribe(&[topic])?;
        self.member = Some((topic.to_string(), consumer));
        Ok(json!({}))
    }

    fn group(&self, name: &str, command: &Value) -> Answer {
        let (topic, member) = self.member.as_ref().unwrap();
        let mut places = TopicPartitionList::new();
        for partition in command["places"].as_array().unwrap_or(&Vec::new()) {
            places.add_partition(topic, partition.as_i64().unwrap() as i32);
        }
        match name {
            "group_poll" => return poll(member, Duration::from_millis(number(command, "ms") as u64)),
            "group_commit" if text(command, "how") == "sync" => member.commit_consumer_state(CommitMode::Sync)?,
            "group_commit" => member.commit_consumer_state(CommitMode::Async)?,
            "group_committed" => {
                let mut offsets = Map::new();
                for place in member.committed_offsets(places, TIMEOUT)?.elements() {
                    let offset = match place.offset() {
                        Offset::Offset(offset) => offset,
                        _ => -1,
                    };
                    offsets.insert(place.partition().to_string(), json!(offset));
                }
                return Ok(json!({ "offsets": offsets }));
            }
            "group_seek" => {
                let offset = Offset::Offset(number(command, "offset"));
                member.seek(topic, number(command, "partition") as i32, offset, TIMEOUT)?
            }
            "group_pause" => member.pause(&places)?,
            "group_resume" => member.resume(&places)?,
            _ => return unsupported("the client has no such call"),
        }
        Ok(json!({}))
    }

    /// The crate leaves the assignment of a member in bytes.
    fn describe_group(&self, group: &str) -> Answer {
        let groups = self.client.fetch_group_list(Some(group), TIMEOUT)?;
        let described = match groups.groups().first() {
            Some(described) => described,
            None => return Err(Failure::Error(format!("there is no group {group}"))),
        };
        let members: Vec<Value> = described.members().iter()
            .map(|member| json!({ "partitions": partitions(member.assignment().unwrap_or(&[])) })).collect();
        Ok(json!({ "state": described.state(), "members": members }))
    }
}

/// Have the records of the command delivered.
fn send(producer: &BaseProducer<Deliveries>, deliveries: &Deliveries, command: &Value, topic: &str) -> Result<(), Failure> {
    for one in command["records"].as_array().unwrap() {
        let (key, value) = (bytes(&one["key"]), bytes(&one["value"]));
        let mut headers = OwnedHeaders::new();
        for pair in one["headers"].as_array().unwrap() {
            let content = bytes(&pair[1]);
            headers = headers.insert(Header { key: pair[0].as_str().unwrap(), value: content.as_ref() });
        }
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        if headers.count() > 0 {
            record = record.headers(headers);
        }
        record.partition = command["partition"].as_i64().map(|partition| partition as i32);
        record.key = key.as_deref();
        record.payload = value.as_deref();
        producer.send(record).map_err(|(error, _)| error)?;
    }
    let _ = producer.flush(TIMEOUT);
    if producer.in_flight_count() > 0 {
        return Err(Failure::Error("records are still in the queue".to_string()));
    }
    let failure = deliveries.0.lock().unwrap().first().cloned();
    match failure {
        Some(error) => Err(Failure::Error(error)),
        None => Ok(()),
    }
}

/// The partitions of the one topic in an assignment of the consumer protocol: version, topics, a topic's name, its partitions.
fn partitions(assignment: &[u8]) -> Vec<i32> {
    let int = |at: usize| assignment.get(at..at + 4).map_or(0, |four| i32::from_be_bytes(four.try_into().unwrap()));
    let name = assignment.get(6..8).map_or(0, |two| i16::from_be_bytes(two.try_into().unwrap())) as usize;
    let count = if int(2) == 0 { 0 } else { int(8 + name) };
    (0..count).map(|index| int(12 + name + 4 * index as usize)).collect()
}

fn poll(member: &BaseConsumer<Rebalances>, wait: Duration) -> Answer {
    let until = Instant::now() + wait;
    let mut records = Vec::new();
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        match member.poll(left) {
            Some(Ok(message)) => records.push(json!([message.partition(), message.offset(),
                String::from_utf8_lossy(message.payload().unwrap_or(&[]))])),
            // Of a topic just created, or a broker that is away: librdkafka asks again.
            Some(Err(error)) if retried(&error) => (),
            Some(Err(error)) => return Err(error.into()),
            None => (),
        }
    }
    let assigned: Vec<i32> = member.assignment()?.elements().iter().map(|place| place.partition()).collect();
    let rebalances = member.context();
    Ok(json!({ "records": records, "assigned": assigned, "rebalances": rebalances.given.load(Ordering::SeqCst),
        "revoked": rebalances.revoked.load(Ordering::SeqCst) }))
}

fn retried(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::AllBrokersDown
        | RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve))
}

/// The only result of a call that has one for each thing named.
fn done<N>(results: Vec<Result<N, (N, RDKafkaErrorCode)>>) -> Answer {
    match results.into_iter().next() {
        Some(Ok(_)) => Ok(json!({})),
        Some(Err((_, code))) => Err(Failure::Error(code.to_string())),
        None => Err(Failure::Error("no result".to_string())),
    }
}

fn main() {
    let bootstrap = std::env::args().nth(1).expect("usage: adapter HOST:PORT");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &bootstrap);
    let mut adapter = Adapter {
        admin: config.create().expect("admin client"),
        client: config.create().expect("consumer"),
        bootstrap,
        member: None,
        transactional: HashMap::new(),
    };
    for line in stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line.expect("standard input")).expect("a command");
        println!("{}", match adapter.carry_out(&command) {
            Ok(result) => json!({ "result": result }),
            Err(Failure::Error(error)) => json!({ "error": error }),
            Err(Failure::Unsupported(why)) => json!({ "unsupported": why }),
        });
    }
}
