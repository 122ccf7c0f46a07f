package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/adapter"
)

// member reads with a Reader, which keeps to itself what it is assigned: the group is asked.
type member struct {
	client     *client
	group      string
	topic      string
	id         string
	reader     *kafka.Reader
	polled     []kafka.Message // and not committed
	rebalances int64
	share      adapter.Share
}

func (c *client) Join(command adapter.Command) (adapter.Member, error) {
	balancers, has := map[string][]kafka.GroupBalancer{"": nil, "range": {kafka.RangeGroupBalancer{}},
		"roundrobin": {kafka.RoundRobinGroupBalancer{}}}[command.Assignor]
	if !has {
		return nil, adapter.Unsupported("kafka-go has no " + command.Assignor)
	}
	if command.Instance != "" {
		return nil, adapter.Unsupported("kafka-go has no static members")
	}
	m := &member{client: c, group: command.Group, topic: command.Topic, id: fmt.Sprintf("%s-%d", command.Group, os.Getpid())}
	m.reader = kafka.NewReader(kafka.ReaderConfig{Brokers: c.bootstrap, GroupID: command.Group, Topic: command.Topic,
		GroupBalancers: balancers, HeartbeatInterval: adapter.Heartbeat,
		SessionTimeout: time.Duration(command.SessionMs) * time.Millisecond, StartOffset: kafka.FirstOffset,
		JoinGroupBackoff: adapter.Heartbeat, MaxWait: adapter.Heartbeat,
		Dialer: &kafka.Dialer{ClientID: m.id, Timeout: adapter.Timeout}})
	return m, nil
}

func (m *member) Poll(wait time.Duration) ([]adapter.Consumed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	var records []adapter.Consumed
	for {
		message, err := m.reader.FetchMessage(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return records, m.ask()
		}
		if err != nil {
			return nil, err
		}
		m.polled = append(m.polled, message)
		records = append(records, adapter.Consumed{Partition: int32(message.Partition), Offset: message.Offset, Value: message.Value})
	}
}

// ask for the partitions of this member. A group that is rebalancing has none.
func (m *member) ask() error {
	description, err := m.client.describe(m.group)
	if err != nil {
		return nil // the broker may be away
	}
	assigned := []int32{}
	for _, described := range description.Members {
		if described.ClientID == m.id {
			assigned = append(assigned, partitions(described)...)
		}
	}
	m.rebalances += m.reader.Stats().Rebalances // counts from the last call on
	m.share.Set(assigned, int(m.rebalances))
	return nil
}

func (m *member) Commit(async bool) error {
	if async {
		return adapter.Unsupported("a Reader of kafka-go commits synchronously, or in intervals")
	}
	polled := m.polled
	m.polled = nil
	return m.reader.CommitMessages(context.Background(), polled...)
}

func (m *member) Committed() (map[int32]int64, error) {
	return m.client.GroupOffsets(m.group, m.topic)
}

func (m *member) Seek(int32, int64) error {
	return adapter.Unsupported("kafka-go does not seek in a group")
}

func (m *member) Pause([]int32) error {
	return adapter.Unsupported("kafka-go does not pause")
}

func (m *member) Resume([]int32) error {
	return adapter.Unsupported("kafka-go does not pause")
}

func (m *member) Leave() error { return m.reader.Close() }

func (m *member) Share() *adapter.Share { return &m.share }

func (c *client) ListGroups() ([]string, error) {
	answer, err := c.client.ListGroups(context.Background(), &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, group := range answer.Groups {
		names = append(names, group.GroupID)
	}
	return names, answer.Error
}

func (c *client) describe(group string) (*kafka.DescribeGroupsResponseGroup, error) {
	answer, err := c.client.DescribeGroups(context.Background(), &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return nil, err
	}
	return &answer.Groups[0], answer.Groups[0].Error
}

func partitions(member kafka.DescribeGroupsResponseMember) []int32 {
	assigned := []int32{}
	for _, topic := range member.MemberAssignments.Topics {
		for _, partition := range topic.Partitions {
			assigned = append(assigned, int32(partition))
		}
	}
	return assigned
}

func (c *client) DescribeGroup(group string) (*adapter.Description, error) {
	answer, err := c.describe(group)
	if err != nil {
		return nil, err
	}
	description := adapter.Description{State: answer.GroupState, Members: []adapter.DescribedMember{}}
	for _, member := range answer.Members {
		description.Members = append(description.Members, adapter.DescribedMember{Partitions: partitions(member)})
	}
	return &description, nil
}

func (c *client) DeleteGroup(group string) error {
	answer, err := c.client.DeleteGroups(context.Background(), &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return err
	}
	return answer.Errors[group]
}

func (c *client) GroupOffsets(group, topic string) (map[int32]int64, error) {
	known, err := c.partitions(topic)
	if err != nil {
		return nil, err
	}
	var asked []int
	for _, partition := range known {
		asked = append(asked, partition.ID)
	}
	answer, err := c.client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{GroupID: group,
		Topics: map[string][]int{topic: asked}})
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for _, partition := range answer.Topics[topic] {
		offsets[int32(partition.Partition)] = partition.CommittedOffset
	}
	return offsets, answer.Error
}

func (c *client) AlterGroupOffset(group, topic string, partition int32, offset int64) error {
	answer, err := c.client.OffsetCommit(context.Background(), &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: int(partition), Offset: offset}}}})
	if err != nil {
		return err
	}
	return answer.Topics[topic][0].Error
}

func (c *client) DeleteGroupOffset(group, topic string, partition int32) error {
	answer, err := c.client.OffsetDelete(context.Background(), &kafka.OffsetDeleteRequest{GroupID: group,
		Topics: map[string][]int{topic: {int(partition)}}})
	if err != nil {
		return err
	}
	return errors.Join(answer.Error, answer.Topics[topic][0].Error)
}
