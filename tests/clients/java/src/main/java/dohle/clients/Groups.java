package dohle.clients;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Administration of consumer groups. */
final class Groups {
    private final Admin admin;

    Groups(Admin admin) {
        this.admin = admin;
    }

    void list(ArrayNode groups) throws Exception {
        Adapter.await(admin.listConsumerGroups().all()).forEach(group -> groups.add(group.groupId()));
    }

    void describe(String group, ObjectNode result) throws Exception {
        ConsumerGroupDescription description = Adapter.await(admin.describeConsumerGroups(List.of(group)).all()).get(group);
        result.put("state", description.state().toString());
        ArrayNode members = result.putArray("members");
        for (MemberDescription member : description.members()) {
            ObjectNode described = members.addObject().put("instance", member.groupInstanceId().orElse(null));
            ArrayNode partitions = described.putArray("partitions");
            member.assignment().topicPartitions().forEach(place -> partitions.add(place.partition()));
        }
    }

    void delete(String group) throws Exception {
        Adapter.await(admin.deleteConsumerGroups(List.of(group)).all());
    }

    void offsets(String group, String topic, ObjectNode offsets) throws Exception {
        Adapter.await(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).forEach((place, committed) -> {
            if (place.topic().equals(topic) && committed != null) {
                offsets.put(String.valueOf(place.partition()), committed.offset());
            }
        });
    }

    void alterOffset(String group, TopicPartition place, long offset) throws Exception {
        Adapter.await(admin.alterConsumerGroupOffsets(group, Map.of(place, new OffsetAndMetadata(offset))).all());
    }

    void deleteOffset(String group, TopicPartition place) throws Exception {
        Adapter.await(admin.deleteConsumerGroupOffsets(group, Set.of(place)).all());
    }
}
