package adapter

import (
	"sort"
	"sync"
	"time"
)

// Heartbeat is how soon a member learns of a rebalance.
const Heartbeat = 300 * time.Millisecond

// Member is what a client offers to a member of a consumer group; New makes one.
type Member interface {
	// Poll waits for records at most so long.
	Poll(wait time.Duration) ([]Consumed, error)
	// Commit what Poll has given out.
	Commit(async bool) error
	Committed() (map[int32]int64, error)
	Seek(partition int32, offset int64) error
	Pause(partitions []int32) error
	Resume(partitions []int32) error
	Leave() error
	Share() *Share
}

// Joiner is a client that can be a member.
type Joiner interface {
	Join(command Command) (Member, error)
}

// Administrator is a client that can administer groups.
type Administrator interface {
	ListGroups() ([]string, error)
	DescribeGroup(group string) (*Description, error)
	DeleteGroup(group string) error
	GroupOffsets(group, topic string) (map[int32]int64, error)
	AlterGroupOffset(group, topic string, partition int32, offset int64) error
	DeleteGroupOffset(group, topic string, partition int32) error
}

// Description is a group as its coordinator describes it.
type Description struct {
	State   string            `json:"state"`
	Members []DescribedMember `json:"members"`
}

// DescribedMember has its partitions of the one topic.
type DescribedMember struct {
	Instance   string  `json:"instance"`
	Partitions []int32 `json:"partitions"`
}

// Consumed is a record that a member gives out.
type Consumed struct {
	Partition int32
	Offset    int64
	Value     []byte
}

// Share is which partitions a member has. Clients change it from goroutines of their own.
type Share struct {
	mutex      sync.Mutex
	partitions map[int32]bool
	rebalances int
	revoked    int
}

// Add gives it partitions.
func (s *Share) Add(partitions []int32) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.partitions == nil {
		s.partitions = map[int32]bool{}
	}
	for _, partition := range partitions {
		s.partitions[partition] = true
	}
}

// Rebalanced counts that it was given partitions, maybe none.
func (s *Share) Rebalanced() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rebalances++
}

// Revoke takes partitions away.
func (s *Share) Revoke(partitions []int32) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, partition := range partitions {
		delete(s.partitions, partition)
	}
	s.revoked += len(partitions)
}

// Set is for a client that only shows what a member has now.
func (s *Share) Set(partitions []int32, rebalances int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.partitions = map[int32]bool{}
	for _, partition := range partitions {
		s.partitions[partition] = true
	}
	s.rebalances = rebalances
}

// Partitions are those of now, in order.
func (s *Share) Partitions() []int32 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	partitions := []int32{}
	for partition := range s.partitions {
		partitions = append(partitions, partition)
	}
	sort.Slice(partitions, func(a, b int) bool { return partitions[a] < partitions[b] })
	return partitions
}

func (s *Share) polled(records []Consumed) map[string]any {
	rows := [][]any{}
	for _, record := range records {
		rows = append(rows, []any{record.Partition, record.Offset, string(record.Value)})
	}
	partitions := s.Partitions()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return map[string]any{"records": rows, "assigned": partitions, "rebalances": s.rebalances, "revoked": s.revoked}
}

// member is the one of this process, if it is one.
var member Member

func carryOutGroup(client Client, c Command) (any, error) {
	if c.Do == "group_join" {
		joiner, can := client.(Joiner)
		if !can {
			return nil, errUnsupported
		}
		var err error
		member, err = joiner.Join(c)
		return nil, err
	}
	switch c.Do {
	case "group_poll":
		records, err := member.Poll(time.Duration(c.Ms) * time.Millisecond)
		return member.Share().polled(records), err
	case "group_commit":
		return nil, member.Commit(c.How == "async")
	case "group_committed":
		offsets, err := member.Committed()
		return map[string]any{"offsets": offsets}, err
	case "group_seek":
		return nil, member.Seek(*c.Partition, c.Offset)
	case "group_pause":
		return nil, member.Pause(c.Places)
	case "group_resume":
		return nil, member.Resume(c.Places)
	case "group_leave":
		return nil, member.Leave()
	}
	administrator, can := client.(Administrator)
	if !can {
		return nil, errUnsupported
	}
	switch c.Do {
	case "list_groups":
		groups, err := administrator.ListGroups()
		return map[string]any{"groups": groups}, err
	case "describe_group":
		return administrator.DescribeGroup(c.Group)
	case "delete_group":
		return nil, administrator.DeleteGroup(c.Group)
	case "group_offsets":
		offsets, err := administrator.GroupOffsets(c.Group, c.Topic)
		return map[string]any{"offsets": offsets}, err
	case "alter_group_offset":
		return nil, administrator.AlterGroupOffset(c.Group, c.Topic, *c.Partition, c.Offset)
	case "delete_group_offset":
		return nil, administrator.DeleteGroupOffset(c.Group, c.Topic, *c.Partition)
	}
	return nil, errUnsupported
}
