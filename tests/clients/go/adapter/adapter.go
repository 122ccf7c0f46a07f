// Package adapter is the half of an adapter that is the same for every client in Go: command lines in, answers out.
// See README.md of tests/clients for the commands.
package adapter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Timeout is how long a client waits for a broker before a command fails.
const Timeout = 30 * time.Second

// MaxMessageBytes is the limit of a producer: more than the largest record here.
const MaxMessageBytes = 12_000_000

// Earliest and Latest stand for the timestamps -2 and -1 of ListOffsets.
const (
	Latest   int64 = -1
	Earliest int64 = -2
)

// Record is a record to produce or one that was fetched. Nil bytes are a null, which JSON shows as null.
type Record struct {
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
}

// Header is a pair of name and value; in JSON an array of two.
type Header struct {
	Name  string
	Value []byte
}

// MarshalJSON writes [name, value].
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

// UnmarshalJSON reads [name, value].
func (h *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.Name, &h.Value})
}

// Place is an offset, or Earliest or Latest, which the commands call "earliest" and "latest".
type Place int64

// UnmarshalJSON reads a number or one of the two words.
func (p *Place) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"earliest"`:
		*p = Place(Earliest)
	case `"latest"`:
		*p = Place(Latest)
	default:
		return json.Unmarshal(text, (*int64)(p))
	}
	return nil
}

// Command is one line of the driver; each kind of command uses some of the fields.
type Command struct {
	Do         string             `json:"do"`
	Topic      string             `json:"topic"`
	Partitions int32              `json:"partitions"`
	Total      int32              `json:"total"`
	Configs    map[string]*string `json:"configs"`
	Name       string             `json:"name"`
	NewValue   *string            `json:"value"`
	Partition  *int32             `json:"partition"`
	At         Place              `json:"at"`
	Start      Place              `json:"start"`
	Before     int64              `json:"before"`
	Count      int                `json:"count"`
	Codec      string             `json:"codec"`
	Acks       string             `json:"acks"`
	Idempotent bool               `json:"idempotent"`
	Records    []Record           `json:"records"`
	Group      string             `json:"group"`
	Instance   string             `json:"instance"`
	Assignor   string             `json:"assignor"`
	SessionMs  int                `json:"session_ms"`
	Places     []int32            `json:"places"`
	Ms         int                `json:"ms"`
	How        string             `json:"how"`
	Offset     int64              `json:"offset"`
	Size       int                `json:"size"`
	Committed  bool               `json:"committed"`
	ID         string             `json:"id"`
	TimeoutMs  int                `json:"timeout_ms"`
	Consumed   bool               `json:"consumed"`
	End        string             `json:"end"`
}

// Client is what a client library has to offer; the methods are the commands.
type Client interface {
	CreateTopic(topic string, partitions int32, configs map[string]*string) error
	DeleteTopic(topic string) error
	CreatePartitions(topic string, total int32) error
	Leaders(topic string) ([]int32, error)
	Configs(topic string) (map[string]string, error)
	AlterConfig(topic, name string, value *string) error
	ListOffset(topic string, partition int32, at int64) (int64, error)
	DeleteRecords(topic string, partition int32, before int64) error
	LogSizes(topic string) ([]int64, error)
	// Produce says which hash chose the partitions, when the command names none.
	Produce(command Command) (hash string, err error)
	// Fetch reads committed records, or all there are.
	Fetch(topic string, partition int32, start int64, count int, committed bool) ([]Record, error)
}

// Unsupported is what the client cannot do, and why.
type Unsupported string

func (u Unsupported) Error() string { return string(u) }

const errUnsupported = Unsupported("the client has no such call")

func carryOut(client Client, c Command) (any, error) {
	switch c.Do {
	case "create_topic":
		return nil, client.CreateTopic(c.Topic, c.Partitions, c.Configs)
	case "delete_topic":
		return nil, client.DeleteTopic(c.Topic)
	case "create_partitions":
		return nil, client.CreatePartitions(c.Topic, c.Total)
	case "describe_topic":
		leaders, err := client.Leaders(c.Topic)
		return map[string]any{"leaders": leaders}, err
	case "describe_configs":
		configs, err := client.Configs(c.Topic)
		return map[string]any{"configs": configs}, err
	case "alter_config":
		return nil, client.AlterConfig(c.Topic, c.Name, c.NewValue)
	case "list_offsets":
		offset, err := client.ListOffset(c.Topic, *c.Partition, int64(c.At))
		return map[string]any{"offset": offset}, err
	case "delete_records":
		return nil, client.DeleteRecords(c.Topic, *c.Partition, c.Before)
	case "log_sizes":
		sizes, err := client.LogSizes(c.Topic)
		return map[string]any{"sizes": sizes}, err
	case "produce":
		hash, err := client.Produce(c)
		return map[string]any{"hash": hash}, err
	case "transact":
		return nil, transact(client, c)
	case "fetch":
		records, err := client.Fetch(c.Topic, *c.Partition, int64(c.Start), c.Count, c.Committed)
		return map[string]any{"records": records}, err
	}
	return carryOutGroup(client, c)
}

// Serve answers the commands of standard input until it ends.
func Serve(client Client) {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var command Command
		if err = json.Unmarshal(line, &command); err != nil {
			fail(fmt.Errorf("command %q: %w", line, err))
		}
		result, err := carryOut(client, command)
		switch {
		case errors.As(err, new(Unsupported)):
			err = out.Encode(map[string]string{"unsupported": err.Error()})
		case err != nil:
			err = out.Encode(map[string]string{"error": err.Error()})
		case result == nil:
			err = out.Encode(map[string]any{"result": struct{}{}})
		default:
			err = out.Encode(map[string]any{"result": result})
		}
		if err != nil {
			fail(err)
		}
	}
}

// InOrder has the sizes of the partitions by their number, up to the first that is missing.
func InOrder(sizes map[int32]int64) []int64 {
	ordered := []int64{}
	for size, has := sizes[0]; has; size, has = sizes[int32(len(ordered))] {
		ordered = append(ordered, size)
	}
	return ordered
}

// Bootstrap is the address that the driver gives.
func Bootstrap() []string {
	if len(os.Args) != 2 {
		fail(errors.New("usage: adapter HOST:PORT"))
	}
	return os.Args[1:]
}

// Must ends the program when a client cannot even be made.
func Must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "adapter:", err)
	os.Exit(1)
}
