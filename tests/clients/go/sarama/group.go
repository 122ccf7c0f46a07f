package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/adapter"
)

// member hands what sarama's goroutines, one a partition, receive to whoever polls.
type member struct {
	topic     string
	group     sarama.ConsumerGroup
	messages  chan *sarama.ConsumerMessage
	stop      context.CancelFunc
	ended     chan struct{}
	share     adapter.Share
	positions map[int32]int64 // behind what was given out

	mutex   sync.Mutex // of what follows
	session sarama.ConsumerGroupSession
	client  *client
	failure error
	name    string
}

func (c *client) Join(command adapter.Command) (adapter.Member, error) {
	config := config()
	if command.Assignor != "" {
		if err := setAssignor(config, command.Assignor); err != nil {
			return nil, err
		}
	}
	if err := setInstance(config, command.Instance); err != nil {
		return nil, err
	}
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = time.Duration(command.SessionMs) * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = adapter.Heartbeat
	config.Consumer.Return.Errors = true
	group, err := sarama.NewConsumerGroup(c.bootstrap, command.Group, config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{topic: command.Topic, group: group, messages: make(chan *sarama.ConsumerMessage), stop: stop,
		ended: make(chan struct{}), client: c, name: command.Group, positions: map[int32]int64{}}
	go func() {
		for range group.Errors() { // sarama tries again by itself
		}
	}()
	go m.run(ctx)
	return m, nil
}

// run is a member until it leaves: a session ends with each rebalance.
func (m *member) run(ctx context.Context) {
	defer close(m.ended)
	for ctx.Err() == nil {
		if err := m.group.Consume(ctx, []string{m.topic}, m); err != nil && ctx.Err() == nil {
			if lost(err) {
				time.Sleep(adapter.Heartbeat)
				continue
			}
			m.mutex.Lock()
			m.failure = err
			m.mutex.Unlock()
			return
		}
	}
}

// lost: the broker went away under the member, which is to try again.
func lost(err error) bool {
	var answer sarama.KError
	return !errors.As(err, &answer) || answer == sarama.ErrNotCoordinatorForConsumer ||
		answer == sarama.ErrOffsetsLoadInProgress || answer == sarama.ErrConsumerCoordinatorNotAvailable ||
		answer == sarama.ErrUnknownTopicOrPartition || answer == sarama.ErrLeaderNotAvailable
}

// Setup begins a session.
func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	m.session = session
	m.mutex.Unlock()
	m.share.Rebalanced()
	return nil
}

// Cleanup ends it.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim is one partition during a session. A message counts once somebody has polled it.
func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	partitions := []int32{claim.Partition()}
	m.share.Add(partitions)
	defer m.share.Revoke(partitions)
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			select {
			case m.messages <- message:
				session.MarkMessage(message, "")
			case <-session.Context().Done():
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) Poll(wait time.Duration) ([]adapter.Consumed, error) {
	var records []adapter.Consumed
	timeout := time.After(wait)
	for {
		select {
		case message := <-m.messages:
			m.positions[message.Partition] = message.Offset + 1
			records = append(records, adapter.Consumed{Partition: message.Partition, Offset: message.Offset, Value: message.Value})
		case <-timeout:
			m.mutex.Lock()
			defer m.mutex.Unlock()
			return records, m.failure
		}
	}
}

func (m *member) Commit(async bool) error {
	if async {
		return adapter.Unsupported("sarama commits synchronously, or in intervals")
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.session.Commit()
	return nil
}

func (m *member) Committed() (map[int32]int64, error) {
	return m.client.GroupOffsets(m.name, m.topic)
}

func (m *member) Seek(int32, int64) error {
	return adapter.Unsupported("sarama's group members do not seek; ResetOffset counts from the next session on")
}

// Pause does not end a fetch under way; what that brings is given out. So it is waited for.
func (m *member) Pause(partitions []int32) error {
	err := pause(m.group, map[string][]int32{m.topic: partitions})
	time.Sleep(4 * adapter.Heartbeat)
	return err
}

func (m *member) Resume(partitions []int32) error {
	return resume(m.group, map[string][]int32{m.topic: partitions})
}

func (m *member) Leave() error {
	m.stop()
	<-m.ended
	return m.group.Close()
}

func (m *member) Share() *adapter.Share { return &m.share }

func (c *client) ListGroups() ([]string, error) {
	groups, err := c.admin.ListConsumerGroups()
	var names []string
	for name := range groups {
		names = append(names, name)
	}
	return names, err
}

func (c *client) DescribeGroup(group string) (*adapter.Description, error) {
	groups, err := c.admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		return nil, err
	}
	if groups[0].Err != sarama.ErrNoError {
		return nil, groups[0].Err
	}
	description := adapter.Description{State: groups[0].State, Members: []adapter.DescribedMember{}}
	for _, member := range groups[0].Members {
		assignment, err := member.GetMemberAssignment()
		if err != nil {
			return nil, err
		}
		described := adapter.DescribedMember{Partitions: []int32{}}
		for _, partitions := range assignment.Topics {
			described.Partitions = append(described.Partitions, partitions...)
		}
		description.Members = append(description.Members, described)
	}
	return &description, nil
}

func (c *client) DeleteGroup(group string) error {
	return c.admin.DeleteConsumerGroup(group)
}

func (c *client) GroupOffsets(group, topic string) (map[int32]int64, error) {
	partitions, err := c.client.Partitions(topic)
	if err != nil {
		return nil, err
	}
	answer, err := c.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for partition, block := range answer.Blocks[topic] {
		if block.Err != sarama.ErrNoError {
			return nil, block.Err
		}
		offsets[partition] = block.Offset
	}
	return offsets, nil
}

// AlterGroupOffset is what sarama's offset manager does outside a group.
func (c *client) AlterGroupOffset(group, topic string, partition int32, offset int64) error {
	return alterOffset(c.admin, group, topic, partition, offset)
}

func (c *client) DeleteGroupOffset(group, topic string, partition int32) error {
	return c.admin.DeleteConsumerGroupOffset(group, topic, partition)
}
