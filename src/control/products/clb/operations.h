/* The operations of product Slb that are built, sorted by name. */
#pragma once

#include "control/call.h"

/* X(name, function) */
#define CLB_OPERATIONS(X)                                                                        \
    X(AddAccessControlListEntry, clb_add_access_control_list_entry)                              \
    X(AddBackendServers, clb_add_backend_servers)                                                \
    X(AddListenerWhiteListItem, clb_add_listener_white_list_item)                                \
    X(AddTags, clb_add_tags)                                                                     \
    X(AddVServerGroupBackendServers, clb_add_vserver_group_backend_servers)                      \
    X(CreateAccessControlList, clb_create_access_control_list)                                   \
    X(CreateDomainExtension, clb_create_domain_extension)                                        \
    X(CreateLoadBalancer, clb_create_load_balancer)                                              \
    X(CreateLoadBalancerHTTPListener, clb_create_http_listener)                                  \
    X(CreateLoadBalancerHTTPSListener, clb_create_https_listener)                                \
    X(CreateLoadBalancerTCPListener, clb_create_tcp_listener)                                    \
    X(CreateLoadBalancerUDPListener, clb_create_udp_listener)                                    \
    X(CreateMasterSlaveServerGroup, clb_create_master_slave_server_group)                        \
    X(CreateRules, clb_create_rules)                                                             \
    X(CreateTLSCipherPolicy, clb_create_tls_cipher_policy)                                       \
    X(CreateVServerGroup, clb_create_vserver_group)                                              \
    X(DeleteAccessControlList, clb_delete_access_control_list)                                   \
    X(DeleteAccessLogsDownloadAttribute, clb_delete_access_logs_download_attribute)              \
    X(DeleteCACertificate, clb_delete_ca_certificate)                                            \
    X(DeleteDomainExtension, clb_delete_domain_extension)                                        \
    X(DeleteLoadBalancer, clb_delete_load_balancer)                                              \
    X(DeleteLoadBalancerListener, clb_delete_listener)                                           \
    X(DeleteMasterSlaveServerGroup, clb_delete_master_slave_server_group)                        \
    X(DeleteRules, clb_delete_rules)                                                             \
    X(DeleteServerCertificate, clb_delete_server_certificate)                                    \
    X(DeleteTLSCipherPolicy, clb_delete_tls_cipher_policy)                                       \
    X(DeleteVServerGroup, clb_delete_vserver_group)                                              \
    X(DescribeAccessControlListAttribute, clb_describe_access_control_list_attribute)            \
    X(DescribeAccessControlLists, clb_describe_access_control_lists)                             \
    X(DescribeAccessLogsDownloadAttribute, clb_describe_access_logs_download_attribute)          \
    X(DescribeAvailableResource, clb_describe_available_resource)                                \
    X(DescribeCACertificates, clb_describe_ca_certificates)                                      \
    X(DescribeDomainExtensionAttribute, clb_describe_domain_extension_attribute)                 \
    X(DescribeDomainExtensions, clb_describe_domain_extensions)                                  \
    X(DescribeHealthStatus, clb_describe_health_status)                                          \
    X(DescribeListenerAccessControlAttribute, clb_describe_listener_access_control_attribute)    \
    X(DescribeLoadBalancerAttribute, clb_describe_load_balancer_attribute)                       \
    X(DescribeLoadBalancerHTTPListenerAttribute, clb_describe_http_listener)                     \
    X(DescribeLoadBalancerHTTPSListenerAttribute, clb_describe_https_listener)                   \
    X(DescribeLoadBalancerListeners, clb_describe_listeners)                                     \
    X(DescribeLoadBalancerTCPListenerAttribute, clb_describe_tcp_listener)                       \
    X(DescribeLoadBalancerUDPListenerAttribute, clb_describe_udp_listener)                       \
    X(DescribeLoadBalancers, clb_describe_load_balancers)                                        \
    X(DescribeMasterSlaveServerGroupAttribute, clb_describe_master_slave_server_group_attribute) \
    X(DescribeMasterSlaveServerGroups, clb_describe_master_slave_server_groups)                  \
    X(DescribeRegions, clb_describe_regions)                                                     \
    X(DescribeRuleAttribute, clb_describe_rule_attribute)                                        \
    X(DescribeRules, clb_describe_rules)                                                         \
    X(DescribeServerCertificates, clb_describe_server_certificates)                              \
    X(DescribeTags, clb_describe_tags)                                                           \
    X(DescribeVServerGroupAttribute, clb_describe_vserver_group_attribute)                       \
    X(DescribeVServerGroups, clb_describe_vserver_groups)                                        \
    X(DescribeZones, clb_describe_zones)                                                         \
    X(ListTLSCipherPolicies, clb_list_tls_cipher_policies)                                       \
    X(ListTagResources, clb_list_tag_resources)                                                  \
    X(ModifyLoadBalancerInstanceChargeType, clb_modify_instance_charge_type)                     \
    X(ModifyLoadBalancerInstanceSpec, clb_modify_instance_spec)                                  \
    X(ModifyLoadBalancerInternetSpec, clb_modify_internet_spec)                                  \
    X(ModifyLoadBalancerPayType, clb_modify_pay_type)                                            \
    X(ModifyVServerGroupBackendServers, clb_modify_vserver_group_backend_servers)                \
    X(MoveResourceGroup, clb_move_resource_group)                                                \
    X(RemoveAccessControlListEntry, clb_remove_access_control_list_entry)                        \
    X(RemoveBackendServers, clb_remove_backend_servers)                                          \
    X(RemoveListenerWhiteListItem, clb_remove_listener_white_list_item)                          \
    X(RemoveTags, clb_remove_tags)                                                               \
    X(RemoveVServerGroupBackendServers, clb_remove_vserver_group_backend_servers)                \
    X(SetAccessControlListAttribute, clb_set_access_control_list_attribute)                      \
    X(SetAccessLogsDownloadAttribute, clb_set_access_logs_download_attribute)                    \
    X(SetBackendServers, clb_set_backend_servers)                                                \
    X(SetCACertificateName, clb_set_ca_certificate_name)                                         \
    X(SetDomainExtensionAttribute, clb_set_domain_extension_attribute)                           \
    X(SetListenerAccessControlStatus, clb_set_listener_access_control_status)                    \
    X(SetLoadBalancerDeleteProtection, clb_set_delete_protection)                                \
    X(SetLoadBalancerHTTPListenerAttribute, clb_set_http_listener)                               \
    X(SetLoadBalancerHTTPSListenerAttribute, clb_set_https_listener)                             \
    X(SetLoadBalancerModificationProtection, clb_set_modification_protection)                    \
    X(SetLoadBalancerName, clb_set_load_balancer_name)                                           \
    X(SetLoadBalancerStatus, clb_set_load_balancer_status)                                       \
    X(SetLoadBalancerTCPListenerAttribute, clb_set_tcp_listener)                                 \
    X(SetLoadBalancerUDPListenerAttribute, clb_set_udp_listener)                                 \
    X(SetRule, clb_set_rule)                                                                     \
    X(SetServerCertificateName, clb_set_server_certificate_name)                                 \
    X(SetTLSCipherPolicyAttribute, clb_set_tls_cipher_policy_attribute)                          \
    X(SetVServerGroupAttribute, clb_set_vserver_group_attribute)                                 \
    X(StartLoadBalancerListener, clb_start_listener)                                             \
    X(StopLoadBalancerListener, clb_stop_listener)                                               \
    X(TagResources, clb_tag_resources)                                                           \
    X(UntagResources, clb_untag_resources)                                                       \
    X(UploadCACertificate, clb_upload_ca_certificate)                                            \
    X(UploadServerCertificate, clb_upload_server_certificate)

#define CLB_DECLARE(name, fn) int fn(struct call *call);
CLB_OPERATIONS(CLB_DECLARE)
#undef CLB_DECLARE
